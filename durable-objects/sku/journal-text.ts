import { MESSAGE_BYTES_MAX } from "../../schema/messages.ts";
import type { SkuConfig, SkuEvent } from "../../schema/sku.ts";

/** What a message says beside what rows tell. */
const ENVELOPE_BYTES = 1_000;
/** A journal row is never more than one message can carry, so that an acknowledged `through` is a whole row. */
export const ROW_BYTES_MAX = MESSAGE_BYTES_MAX - ENVELOPE_BYTES;
/** Names, sums and times that an order in full has beside its journal text and its offer. */
const NAMES_BYTES = 300;

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

function shortOf(event: SkuEvent): Short | SkuEvent {
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

function longHeld([type, order, buyer, quantity, until, ...placed]: unknown[]): SkuEvent {
  const [key, fingerprint, offer, ...others] = placed;
  const home = placed.length > 0 ? { key, fingerprint, offer, others } : null;
  return { type, order, buyer, quantity, until, home } as Kind<"held">;
}

function longReleased([type, order, reason, ...gone]: unknown[]): SkuEvent {
  const [buyer, quantity, offer, createdAt, payBy, ...others] = gone;
  const ended = gone.length > 0 ? { buyer, quantity, offer, createdAt, payBy, others } : null;
  return { type, order, reason, ended } as Kind<"released">;
}

function longOf(written: unknown[] | SkuEvent): SkuEvent {
  if (!Array.isArray(written)) return written;
  const [type, order, until] = written as [string, string, number];
  switch (type) {
    case "held":
      return longHeld(written);
    case "released":
      return longReleased(written);
    case "claimed":
      return { type, order, until } as Kind<"claimed">;
    case "sold":
      return { type, order } as Kind<"sold">;
    default:
      throw new Error(`the journal knows no event "${type}"`);
  }
}

/** One event as JSON. */
export const textOf = (event: SkuEvent): string => JSON.stringify(shortOf(event));

/** The events of a journal row. */
export const eventsOf = (body: string): SkuEvent[] =>
  (JSON.parse(body) as (unknown[] | SkuEvent)[]).map(longOf);

/** A row of the journal. `bytes` is never less than what it tells the read model takes as JSON. */
export interface Row {
  readonly seq: number;
  readonly at: number;
  readonly bytes: number;
  readonly events: readonly SkuEvent[];
}

/** Whether the read model must hear of it. */
export const isNews = (event: SkuEvent): boolean =>
  (event.type === "held" && event.home !== null) || (event.type === "released" && event.ended !== null);

/** The body of a journal row to be: JSON of some events. `bytes`: see `Row`. */
export interface Body {
  readonly json: string;
  readonly bytes: number;
  readonly events: readonly SkuEvent[];
}

/** The events of one commit as the bodies of as few rows as may be: nearly always one. */
export function bodiesOf(events: readonly SkuEvent[], offers: readonly SkuConfig[]): Body[] {
  const bodies: Body[] = [];
  let json = "";
  let bytes = 0;
  let from = 0;
  const telling = tellingBytes(offers);
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as SkuEvent;
    const text = textOf(event);
    const size = utf8BytesOf(text) + 1 + (isNews(event) ? telling : 0);
    if (json !== "" && bytes + size > ROW_BYTES_MAX) {
      bodies.push({ json: `[${json}]`, bytes, events: events.slice(from, i) });
      json = "";
      bytes = 0;
      from = i;
    }
    json += json === "" ? text : `,${text}`;
    bytes += size;
  }
  if (json !== "")
    bodies.push({ json: `[${json}]`, bytes, events: from === 0 ? events : events.slice(from) });
  return bodies;
}

/** A row written earlier. */
export function rowOf(
  { seq, at, body }: { seq: number; at: number; body: string },
  offers: readonly SkuConfig[],
): Row {
  const events = eventsOf(body);
  return { seq, at, bytes: utf8BytesOf(body) + events.filter(isNews).length * tellingBytes(offers), events };
}

const offerBytes = new WeakMap<SkuConfig, number>();

/** What an order in full has beside its journal text, at most. */
function tellingBytes(offers: readonly SkuConfig[]): number {
  let most = 0;
  for (const offer of offers) {
    let bytes = offerBytes.get(offer);
    if (bytes === undefined) offerBytes.set(offer, (bytes = utf8BytesOf(JSON.stringify(offer))));
    most = Math.max(most, bytes);
  }
  return NAMES_BYTES + most;
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
