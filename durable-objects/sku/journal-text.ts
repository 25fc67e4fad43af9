import { MESSAGE_BYTES_MAX } from "../../schema/messages.ts";
import type { OrderId } from "../../schema/ids.ts";
import type { Line } from "../../schema/order.ts";
import type { SkuConfig, SkuEvent } from "../../schema/sku.ts";

/** What a message says beside what rows tell. */
const ENVELOPE_BYTES = 1_000;
/** A journal row, with the offers it tells of, is never more than one message can carry, so that an acknowledged `through` is a whole row. */
export const ROW_BYTES_MAX = MESSAGE_BYTES_MAX - ENVELOPE_BYTES;
/** What a message says beside each row, and beside each offer. */
const FRAME_BYTES = 50;

/**
 * An event as the journal writes it. The four kinds that a rush writes by the million are arrays without names, in the order
 * below; every other kind is the event itself. What is read was written here: the hash chain has vouched for it.
 */
type Short =
  | ["held", string, string, number, number, ...home: [] | [string, string, number, ...others: unknown[]]]
  | ["claimed", string, number]
  | ["sold", string]
  | [
      "released",
      string,
      string,
      ...ended: [] | [string, number, number, number, number, ...others: unknown[]],
    ];

type Written = Short | SkuEvent;

type Kind<T extends SkuEvent["type"]> = Extract<SkuEvent, { type: T }>;

/** `held, order, buyer, quantity, until`, and for a home hold `key, fingerprint, offer` and the other lines. */
function shortHeld({ order, buyer, quantity, until, home }: Kind<"held">): Short {
  if (!home) return ["held", order, buyer, quantity, until];
  return ["held", order, buyer, quantity, until, home.key, home.fingerprint, home.offer, ...home.others];
}

/** `released, order, reason`, and for an order that ended with it `buyer, quantity, offer, createdAt, payBy` and the other lines. */
function shortReleased({ order, reason, ended }: Kind<"released">): Short {
  if (!ended) return ["released", order, reason];
  const { buyer, quantity, offer, createdAt, payBy, others } = ended;
  return ["released", order, reason, buyer, quantity, offer, createdAt, payBy, ...others];
}

export function writtenOf(event: SkuEvent): Written {
  switch (event.type) {
    case "held":
      return shortHeld(event);
    case "claimed":
      return ["claimed", event.order, event.until];
    case "sold":
      return ["sold", event.order];
    case "released":
      return shortReleased(event);
    default:
      return event;
  }
}

const NO_LINES: readonly Line[] = [];
/** Where the other lines begin. */
const HELD_LINES_AT = 8;
const RELEASED_LINES_AT = 8;

/** Fields by their place, without lists made on the way: a start reads them by the million. */
function longHeld(w: readonly unknown[]): SkuEvent {
  const home = {
    key: w[5],
    fingerprint: w[6],
    offer: w[7],
    others: w.length > HELD_LINES_AT ? w.slice(HELD_LINES_AT) : NO_LINES,
  };
  return {
    type: "held",
    order: w[1],
    buyer: w[2],
    quantity: w[3],
    until: w[4],
    home: w[5] === undefined ? null : home,
  } as Kind<"held">;
}

function longReleased(w: readonly unknown[]): SkuEvent {
  const ended = {
    buyer: w[3],
    quantity: w[4],
    offer: w[5],
    others: w.length > RELEASED_LINES_AT ? w.slice(RELEASED_LINES_AT) : NO_LINES,
    createdAt: w[6],
    payBy: w[7],
  };
  return {
    type: "released",
    order: w[1],
    reason: w[2],
    ended: w[3] === undefined ? null : ended,
  } as Kind<"released">;
}

const isShort = (written: readonly unknown[] | SkuEvent): written is readonly unknown[] =>
  Array.isArray(written);

/** @throws for a kind that the journal does not write. */
export function eventOf(written: readonly unknown[] | SkuEvent): SkuEvent {
  if (!isShort(written)) return written;
  switch (written[0]) {
    case "held":
      return longHeld(written);
    case "released":
      return longReleased(written);
    case "claimed":
      return { type: "claimed", order: written[1] as OrderId, until: written[2] as number };
    case "sold":
      return { type: "sold", order: written[1] as OrderId };
    default:
      throw new Error(`the journal knows no event "${String(written[0])}"`);
  }
}

/** The events of a journal row. */
export const eventsOf = (body: string): SkuEvent[] =>
  (JSON.parse(body) as (unknown[] | SkuEvent)[]).map(eventOf);

/** The number of the configuration under which an order was placed or has ended here; null where an event tells of neither. */
export function offerOf(event: SkuEvent): number | null {
  if (event.type === "held") return event.home?.offer ?? null;
  return event.type === "released" ? (event.ended?.offer ?? null) : null;
}

/** The body of a journal row to be: JSON of some events. */
export interface Body {
  readonly json: string;
  /** What a message takes that tells of it, at most, beside the offers. */
  readonly bytes: number;
  /** The configurations that it tells of, by number; none where it tells nothing. */
  readonly offers: readonly number[];
  /** JSON of those events that tell something, one after the other: a text, since rows wait by the hundred until they are sent. */
  readonly news: string;
}

/** A row of the journal. */
export interface Row extends Omit<Body, "json"> {
  readonly seq: number;
  readonly at: number;
}

/** The events of one commit as the bodies of rows: one, or halves where a message could not carry it. */
export function bodiesOf(events: readonly SkuEvent[], offers: readonly SkuConfig[]): Body[] {
  if (events.length === 0) return [];
  // All of them in one go: a text for each event would take longer than deciding it.
  const body = bodyOf(textOf(events), events);
  const bytes = body.offers.reduce((sum, offer) => sum + bytesOfOffer(offers, offer), body.bytes);
  if (bytes <= ROW_BYTES_MAX || events.length === 1) return [body];
  const half = events.length >> 1;
  return [...bodiesOf(events.slice(0, half), offers), ...bodiesOf(events.slice(half), offers)];
}

function bodyOf(json: string, events: readonly SkuEvent[]): Body {
  const offers = new Set<number>();
  const telling = events.filter((event) => {
    const offer = offerOf(event);
    if (offer !== null) offers.add(offer);
    return offer !== null;
  });
  // In a rush every event tells of an order.
  const told = telling.length === events.length ? json : textOf(telling);
  return { json, bytes: utf8BytesOf(json) + FRAME_BYTES, offers: [...offers], news: told.slice(1, -1) };
}

const textOf = (events: readonly SkuEvent[]): string =>
  JSON.stringify(events.map((event) => writtenOf(event)));

/** A row written earlier. */
export function rowOf({ seq, at, body }: { seq: number; at: number; body: string }): Row {
  const { json: _, ...row } = bodyOf(body, eventsOf(body));
  return { seq, at, ...row };
}

const offerBytes = new WeakMap<SkuConfig, number>();

/** What a message takes for one of the configurations. */
export function bytesOfOffer(offers: readonly SkuConfig[], number: number): number {
  const offer = offers[number];
  if (!offer) return 0;
  let bytes = offerBytes.get(offer);
  if (bytes === undefined) offerBytes.set(offer, (bytes = utf8BytesOf(JSON.stringify(offer)) + FRAME_BYTES));
  return bytes;
}

const NOT_ASCII = /[^\0-\x7f]/;

/** Bytes of a text in UTF-8. Names may be in any script, everything else is ASCII. */
export function utf8BytesOf(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Each half of a surrogate pair counts for two of its four bytes.
    bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
  }
  return bytes;
}
