import { eventsOf } from "../../durable-objects/sku/journal-text.ts";
import { tell, type Told } from "../../durable-objects/sku/telling.ts";
import type { OrderId, SkuNumber } from "../../schema/ids.ts";
import type { SkuConfig } from "../../schema/sku.ts";
import { skuActor } from "../actors.ts";
import { unknownOf } from "../read-models/books.ts";
import { changeOf } from "./compare-orders.ts";

/** Pages of a journal, of a million characters each: some two hundred thousand orders. */
const PAGES_MAX = 20;
/** Orders D1 is told of again in one go, by a message or two each. The next round finds the others. */
const MISSING_MAX = 100;

/**
 * Goes through a SKU's journal for orders that D1 has never heard of, and publishes them again: as they were placed and
 * ended here, and as their own actors know them. Answers with the number of messages.
 */
export async function publishMissing(env: Env, sku: SkuNumber, now: number): Promise<number> {
  const offers: SkuConfig[] = [];
  let sent = 0;
  for (let page = 0, after = 0; page < PAGES_MAX && sent < MISSING_MAX; page++) {
    const lines = await skuActor(env, sku).journal(after);
    const told = lines.map(({ at, body }) => {
      const events = eventsOf(body);
      for (const event of events) if (event.type === "configured") offers.push(event.config);
      return tell([{ at, events }], offers);
    });
    after = lines.at(-1)?.seq ?? 0;
    if (after === 0) break;
    const unknown = await unknownOf(env.DB, told.flatMap(ordersOf));
    const missing = new Set([...unknown].slice(0, MISSING_MAX - sent));
    for (const news of told) sent += await publish(env, sku, only(news, missing), now);
  }
  return sent;
}

const ordersOf = ({ placed, expired }: Told): OrderId[] => [
  ...placed.map(({ order }) => order),
  ...expired.map(({ placement }) => placement.order),
];

const only = ({ placed, expired }: Told, wanted: ReadonlySet<OrderId>): Told => ({
  placed: placed.filter(({ order }) => wanted.has(order)),
  expired: expired.filter(({ placement }) => wanted.has(placement.order)),
});

/** A row of the journal fits one message. Which is newer, a SKU's word or the order's own, versions tell. */
async function publish(env: Env, sku: SkuNumber, told: Told, at: number): Promise<number> {
  const missing = ordersOf(told);
  if (missing.length === 0) return 0;
  await env.ORDER_EVENTS.send({ v: 1, type: "sku_changed", sku, ...told, at });
  const changes = await Promise.all(told.placed.map(({ order }) => changeOf(env, order, at)));
  const born = changes.filter((change) => change !== null);
  for (const { news } of born) await env.ORDER_EVENTS.send(news);
  return 1 + born.length;
}
