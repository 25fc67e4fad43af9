import { until } from "../system/server.ts";
import type { Client, OrderBody } from "../../worker/local/client.ts";
import type { Ledger } from "./ledger.ts";

const SETTLE_MS_MAX = 15_000;
const PAID_MS_MAX = 60_000;

/**
 * Compares what clients were told with what is there. Whoever was told nothing asks again under the same key, which finds what
 * was done or does it now: after that every entry has an order, and the units that are held or sold are exactly theirs.
 *
 * @param from the first entry that has not been checked after an earlier kill; of the others some are looked at again.
 */
export async function check(
  client: Client,
  ledger: Ledger,
  from: number,
  chance: () => number,
): Promise<void> {
  const { entries } = ledger;
  for (const entry of entries.slice(from)) if (entry.order === null) await ledger.ask(entry);
  const older = from === 0 ? [] : Array.from({ length: 20 }, () => entries[Math.floor(chance() * from)]);
  for (const entry of [...entries.slice(from), ...older]) if (entry) await ledger.look(entry);
  await sums(client, ledger);
}

/** Nothing is held or sold that nobody asked for, and nothing that was acknowledged is free. */
async function sums(client: Client, { entries, sku }: Ledger): Promise<void> {
  const mine = entries.filter(({ told }) => told?.state !== "expired").length;
  const look = () => client.stock(sku);
  const isRight = (stock: Awaited<ReturnType<typeof look>>): boolean =>
    stock.initial + stock.restocked === stock.available + stock.held + stock.sold &&
    stock.held + stock.sold === mine;
  await until(`${mine} units are held or sold`, SETTLE_MS_MAX, look, isRight);
}

/** Once all is quiet: money that was taken is an order that is paid, every change has its number, and no order is nobody's. */
export async function checkTheEnd(client: Client, ledger: Ledger): Promise<void> {
  for (const entry of ledger.entries.filter(({ isPaid }) => isPaid))
    await until(
      "what the bank took is paid",
      PAID_MS_MAX,
      () => ledger.look(entry),
      ({ state }) => state === "paid",
    );
  const known = new Set(ledger.entries.map(({ order }) => order));
  const all = await until(
    "the read model has caught up",
    PAID_MS_MAX,
    () => client.orders(ledger.sale),
    (orders) => orders.length >= known.size,
  );
  const nobodys = all.filter(({ id }) => !known.has(id));
  if (nobodys.length > 0) throw new Error(`nobody asked for ${nobodys.map(({ id }) => id).join(", ")}`);
  for (const { id } of all.slice(0, 50)) await versionsOf(client, id);
}

/** The transitions of an order, each with a higher version than the one before. */
async function versionsOf(client: Client, id: OrderBody["id"]): Promise<void> {
  const { data } = await client.admin<{ data: { kind: string; detail: { version?: number } }[] }>(
    `/v1/admin/orders/${id}/timeline`,
  );
  const versions = data.filter(({ kind }) => kind === "transition").map(({ detail }) => detail.version ?? 1);
  if (versions.some((version, at) => at > 0 && version <= (versions[at - 1] ?? 0)))
    throw new Error(`${id} counts ${versions.join(", ")}`);
}
