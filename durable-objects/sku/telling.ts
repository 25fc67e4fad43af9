import type { OrderEventMessage } from "../../schema/messages.ts";
import type { Placement } from "../../schema/order.ts";
import type { SkuConfig, SkuEvent, SkuRows } from "../../schema/sku.ts";
import { eventOf, offerOf, writtenOf, type Row } from "./journal-text.ts";
import { placementOf } from "./placement.ts";

/** What rows of a journal say of orders, in full. */
export interface Told {
  readonly placed: readonly Placement[];
  /** Orders that ended with their home hold, and when. */
  readonly expired: readonly { readonly placement: Placement; readonly at: number }[];
}

/** What some rows tell, as it travels: in the journal's own words, and not in full. */
export function packed(rows: readonly Row[], offers: readonly SkuConfig[]): SkuRows {
  const numbers = new Set(rows.flatMap((row) => row.offers));
  return {
    offers: Array.from(numbers, (number) => [number, offerAt(offers, number)]),
    rows: rows.map(({ at, events }) => ({
      at,
      news: events.filter(isNews).map((event) => writtenOf(event)),
    })),
  };
}

const isNews = (event: SkuEvent): event is Extract<SkuEvent, { type: "held" | "released" }> =>
  offerOf(event) !== null;

function offerAt(offers: readonly SkuConfig[], number: number): SkuConfig {
  const offer = offers[number];
  if (!offer) throw new Error(`there never was an offer ${number}`);
  return offer;
}

/** What a message from a SKU says in full. */
export const toldBy = (message: Exclude<OrderEventMessage, { type: "order_changed" }>): Told =>
  message.type === "sku_rows" ? unpacked(message) : message;

/**
 * What a message of `packed` rows says in full.
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
export function tell(rows: readonly Pick<Row, "at" | "events">[], offers: readonly SkuConfig[]): Told {
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
