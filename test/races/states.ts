import { until } from "../system/server.ts";
import { HOLD_SECONDS, type Asked, type Bought, type Place, type Shop } from "./shop.ts";
import { PATIENCE_MS } from "./race.ts";

/** Orders in each state in which a race begins. */

/** Sales that all races of orders share, by the time that their orders have. */
const places = new WeakMap<Shop, Map<number, Promise<Place>>>();
export function placeOf(shop: Shop, holdSeconds = HOLD_SECONDS): Promise<Place> {
  const known = places.get(shop) ?? new Map<number, Promise<Place>>();
  places.set(shop, known);
  const place = known.get(holdSeconds) ?? shop.sale({ holdSeconds });
  known.set(holdSeconds, place);
  return place;
}

export const placed = async (shop: Shop, race: string, holdSeconds?: number): Promise<Bought> =>
  shop.placed(await placeOf(shop, holdSeconds), race);
export const asked = async (shop: Shop, race: string, holdSeconds?: number): Promise<Asked> =>
  shop.asked(await placed(shop, race, holdSeconds));
export const approved = async (shop: Shop, race: string, holdSeconds?: number): Promise<Asked> =>
  shop.approved(await asked(shop, race, holdSeconds));

/** With a time to pay that is short, and not over before the race: on a machine that has other things to do a longer one. */
export async function inTime<T>(make: (holdSeconds: number) => Promise<T>): Promise<T> {
  for (const holdSeconds of [2, 4, 8]) {
    const made = await make(holdSeconds).catch(() => null);
    if (made) return made;
  }
  return make(16);
}
export const paid = async (shop: Shop, race: string): Promise<Asked> => shop.paid(await approved(shop, race));

export async function refundIs(shop: Shop, { token, id }: Bought, state: string): Promise<void> {
  const read = async () => (await shop.client.read(token, id)).body.refunds;
  await until(`the refund has ${state}`, PATIENCE_MS, read, ([refund]) => refund?.state === state);
}
