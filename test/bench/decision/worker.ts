import { readMessage } from "../../../durable-objects/sku/telling.ts";
import type { SkuApi } from "../../../schema/actors.ts";
import { answersOf, textOfHolds } from "../../../schema/hold-batch.ts";
import { orderIdOf, skuNumberOf, type SkuId } from "../../../schema/ids.ts";
import type { OrderEventMessage } from "../../../schema/messages.ts";
import type { HoldAnswer, HoldRequest, MoveAnswer } from "../../../schema/sku.ts";
import { skuActor } from "../../../worker/actors.ts";

export { SkuActor } from "../../../durable-objects/sku/actor.ts";

const DAY_MS = 86_400_000;
/** The moment that orders' ids tell: a later call speaks of the same orders. */
const PLACED_AT = 1_780_000_000_000;

/**
 * `from` numbers the first buyer; `inFlight` calls are under way at once. `sell`: what they hold already is sold. `until`: all of
 * them end at this moment, if their SKU's holds last longer.
 */
export interface Drive {
  readonly sell?: boolean;
  readonly until?: number;
  readonly from: number;
  readonly count: number;
  readonly batch: number;
  readonly inFlight: number;
}

function requestOf(sku: SkuId, n: number, until: number | null): HoldRequest {
  const chance = new Uint8Array(5);
  new DataView(chance.buffer).setUint32(1, n);
  const home = { key: `key-${n}`, fingerprint: "f".repeat(32), others: [], othersHeldUntil: until };
  return {
    order: orderIdOf(skuNumberOf(sku), PLACED_AT, chance),
    buyer: `buyer-${n}`,
    sale: "bench",
    quantity: 1,
    home,
  };
}

type Answers = readonly (HoldAnswer | MoveAnswer)[];

/** A call, ready to be made, and how to read what it answers. */
interface Call {
  send(): Promise<unknown>;
  read(said: unknown): Answers;
}

/**
 * What a gate does for its batch is done outside of the measured time, since the peers' client does it on a core of its own: the
 * batch is written down before, and its answers are read after.
 */
function callOf(sku: SkuApi, requests: readonly HoldRequest[], sell: boolean): Call {
  if (sell) {
    const moves = requests.map(({ order, buyer }) => ({ order, buyer, take: 1, quantity: 1 }));
    return { send: () => sku.commitMany(moves), read: (said) => said as MoveAnswer[] };
  }
  const [one, another] = requests;
  if (one && !another) return { send: () => sku.hold(one), read: (said) => [said as HoldAnswer] };
  const text = textOfHolds(requests);
  return { send: () => sku.holdMany(text), read: (said) => answersOf(said as string, requests) };
}

async function drive(
  id: SkuId,
  sku: SkuApi,
  { from, count, batch, inFlight, sell = false, until }: Drive,
): Promise<{ tookMs: number }> {
  const calls = Array.from({ length: count / batch }, (_, at) => {
    const requests = Array.from({ length: batch }, (__, n) =>
      requestOf(id, from + at * batch + n, until ?? null),
    );
    return callOf(sku, requests, sell);
  });
  const said: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < calls.length; at = next++) said[at] = await calls[at]?.send();
  };
  const startedAt = Date.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const tookMs = Date.now() - startedAt;
  const answers = calls.flatMap((call, at) => call.read(said[at]));
  const isNews = (answer: HoldAnswer | MoveAnswer): boolean =>
    answer.ok && (typeof answer.value === "string" || !answer.value.replayed);
  if (!answers.every(isNews)) throw new Error("not all were held or sold");
  return { tookMs };
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const id = url.pathname.slice(1);
    const sku = skuActor(env, skuNumberOf(id));
    if (request.method === "PUT") {
      const now = Date.now();
      const holdMs = Number(url.searchParams.get("hold_ms") ?? DAY_MS);
      const facts = { sku: id, sale: "bench", name: "Lamp", price: { amount: 19_900, currency: "CNY" } };
      const window = { opensAt: now - 1_000, closesAt: now + DAY_MS, holdMs, perBuyerMax: 1 };
      return Response.json(await sku.configure({ ...facts, ...window }, 100_000_000));
    }
    if (request.method === "GET") return Response.json(await sku.view());
    return Response.json(await drive(id, sku, await request.json()));
  },
  /** As in production: what was published is acknowledged. What D1 does with it is another scenario's. */
  async queue(batch, env) {
    for (const message of batch.messages) {
      const body = readMessage(message.body) as OrderEventMessage;
      if (body.type === "sku_rows") await skuActor(env, body.sku).published(body.after, body.through);
    }
  },
} satisfies ExportedHandler<Env>;
