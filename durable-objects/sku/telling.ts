import type { OrderEventMessage } from "../../schema/messages.ts";
import type { Placement } from "../../schema/order.ts";
import type { SkuNumber } from "../../schema/ids.ts";
import type { SkuConfig, SkuRows } from "../../schema/sku.ts";
import type { Happened } from "./evolve.ts";
import { eventOf } from "./journal-text.ts";
import type { Draft } from "./outbox.ts";
import { placementOf } from "./placement.ts";

/** What rows of a journal say of orders, in full. */
export interface Told {
  readonly placed: readonly Placement[];
  /** Orders that ended with their home hold, and when. */
  readonly expired: readonly { readonly placement: Placement; readonly at: number }[];
}

type SkuRowsMessage = Extract<OrderEventMessage, { type: "sku_rows" }>;

/**
 * The message about some rows as it travels: JSON, in the journal's own words. It is put together from what commits have written already,
 * since a rush would make each of its orders into objects and JSON again only to tell of them.
 */
export function messageOf(sku: SkuNumber, { rows, ...draft }: Draft, at: number): string {
  const facts = { v: 1, type: "sku_rows", sku, ...draft, at } satisfies Omit<SkuRowsMessage, "rows">;
  const told = rows.map((row) => `{"at":${row.at},"news":[${row.news}]}`);
  return `${JSON.stringify(facts).slice(0, -1)},"rows":[${told.join(",")}]}`;
}

/** A message of ORDER_EVENTS as it arrives: SKUs send theirs as text. What is no JSON is nothing that anybody knows. */
export function readMessage(body: unknown): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** What a message from a SKU says in full. */
export const toldBy = (message: Exclude<OrderEventMessage, { type: "order_changed" }>): Told =>
  message.type === "sku_rows" ? unpacked(message) : message;

/**
 * What a message about rows says in full.
 * @throws where an order was placed under an offer that is not among those it brings.
 */
function unpacked({ offers, rows }: SkuRows): Told {
  const known: SkuConfig[] = [];
  for (const [number, offer] of offers) known[number] = offer;
  return tell(
    rows.map(({ at, news }) => ({ at, events: news.map(eventOf) })),
    known,
  );
}

/** Says in full what some rows mean to the read model. `offers` are all configurations they speak of, by number. */
export function tell(rows: readonly Happened[], offers: readonly SkuConfig[]): Told {
  const placed: Placement[] = [];
  const expired: { placement: Placement; at: number }[] = [];
  for (const { at, events } of rows) {
    for (const event of events) {
      if (event.type === "held" && event.home) {
        const { offer, others } = event.home;
        placed.push(placementOf(offers, event, { offer, others, createdAt: at, payBy: event.until }));
      } else if (event.type === "released" && event.ended) {
        const { order, ended } = event;
        expired.push({ placement: placementOf(offers, { ...ended, order }, ended), at });
      }
    }
  }
  return { placed, expired };
}
