import type { Placement } from "../../schema/order.ts";
import { MESSAGE_BYTES_MAX } from "../../schema/messages.ts";
import type { SkuEvent } from "../../schema/sku.ts";

/** What a message says beside its placements. */
const ENVELOPE_BYTES = 1_000;
/** A journal row is never more than one message can carry, so that an acknowledged `through` is a whole row. */
const ROW_BYTES_MAX = MESSAGE_BYTES_MAX - ENVELOPE_BYTES;
/** A message nobody acknowledged is sent again after 5 s, doubling to 5 min. */
export const RESEND_MS = 5_000;
const RESEND_MS_MAX = 300_000;
/** Messages on their way at once: what a consumer that is down for hours is sent again and again. */
const IN_FLIGHT_MAX = 500;
/** Rows kept for their first sending. Beyond it they are read back from the journal. */
const FRESH_ROWS_MAX = 2_000;
/** Rows read from the journal at a time. */
const PAGE_ROWS = 50;

/** What one journal row tells the read model. `bytes` is never less than its notices take as JSON. */
export interface Row {
  readonly seq: number;
  readonly bytes: number;
  readonly placed: readonly Placement[];
  readonly expired: readonly { readonly placement: Placement; readonly at: number }[];
}

/** A message about the rows up to `through`. */
export type Draft = Pick<Row, "placed" | "expired"> & { readonly through: number };

interface Flight {
  /** It speaks of the rows after this one, up to `through`. */
  readonly after: number;
  readonly through: number;
  sends: number;
  dueAt: number;
  acknowledged: boolean;
}

export type ReadRows = (after: number, through: number, limit: number) => Row[];

/** The journal as an outbox: which rows D1 has, which are on their way, and when to send again. */
export class Outbox {
  readonly #read: ReadRows;
  #flights: Flight[] = [];
  #fresh: Row[] = [];
  #sentThrough: number;
  #last: number;
  /** When rows that were never sent are tried again; null when there are none. */
  #unsentDueAt: number | null;

  /** @param cursor the last row known to be in D1. @param last the last row of the journal. */
  constructor(cursor: number, last: number, now: number, read: ReadRows) {
    this.#read = read;
    this.#sentThrough = cursor;
    this.#last = last;
    this.#unsentDueAt = cursor < last ? now + RESEND_MS : null;
  }

  /** The last row up to which D1 has everything there is to know. */
  get cursor(): number {
    return this.#flights[0]?.after ?? this.#sentThrough;
  }

  /** Whether there are rows that were never sent. */
  get hasUnsent(): boolean {
    return this.#sentThrough < this.#last;
  }

  wrote(row: Row, now: number): void {
    const nothingBefore = this.#sentThrough === this.#last;
    this.#last = row.seq;
    if (nothingBefore && isSilent(row)) {
      this.#sentThrough = row.seq;
      return;
    }
    this.#unsentDueAt ??= now + RESEND_MS;
    if (this.#fresh.length >= FRESH_ROWS_MAX) this.#fresh = [];
    this.#fresh.push(row);
  }

  /** The messages to send now. Each counts as sent from here on, and comes again until it is acknowledged. */
  take(now: number): Draft[] {
    const drafts: Draft[] = [];
    for (const flight of this.#flights) {
      if (flight.acknowledged || flight.dueAt > now) continue;
      flight.dueAt = now + Math.min(RESEND_MS * 2 ** flight.sends, RESEND_MS_MAX);
      flight.sends++;
      const { after, through } = flight;
      drafts.push(draftOf(this.#read(after, through, through - after), through));
    }
    while (this.#sentThrough < this.#last && this.#flights.length < IN_FLIGHT_MAX) {
      const rows = this.#unsent();
      if (rows.length === 0) throw new Error(`journal rows after ${this.#sentThrough} are missing`);
      this.#pack(rows, drafts, now);
    }
    this.#unsentDueAt = this.#sentThrough < this.#last ? now + RESEND_MS : null;
    return drafts;
  }

  /** Packs a page of rows into messages. Rows with nothing to tell travel with their neighbours, or not at all. */
  #pack(rows: readonly Row[], drafts: Draft[], now: number): void {
    let packed: Row[] = [];
    let bytes = 0;
    const close = (through: number): void => {
      if (packed.length > 0) {
        const dueAt = now + RESEND_MS;
        this.#flights.push({ after: this.#sentThrough, through, sends: 1, dueAt, acknowledged: false });
        drafts.push(draftOf(packed, through));
      }
      this.#sentThrough = through;
      packed = [];
      bytes = 0;
    };
    let through = this.#sentThrough;
    for (const row of rows) {
      if (!isSilent(row)) {
        if (bytes + row.bytes > ROW_BYTES_MAX) close(through);
        packed.push(row);
        bytes += row.bytes;
      }
      through = row.seq;
    }
    close(through);
  }

  #unsent(): Row[] {
    if (this.#fresh[0]?.seq === this.#sentThrough + 1) return this.#fresh.splice(0, PAGE_ROWS);
    const before = (this.#fresh[0]?.seq ?? this.#last + 1) - 1;
    return this.#read(this.#sentThrough, before, PAGE_ROWS);
  }

  /** D1 has the message that ended with this row. True when the cursor moved. */
  acknowledge(through: number): boolean {
    const before = this.cursor;
    const flight = this.#flights.find((candidate) => candidate.through === through);
    if (flight) flight.acknowledged = true;
    const open = this.#flights.findIndex(({ acknowledged }) => !acknowledged);
    this.#flights = open === -1 ? [] : this.#flights.slice(open);
    return this.cursor > before;
  }

  /** When `take` next has something to give. */
  dueAt(): number | null {
    let at = this.#unsentDueAt;
    for (const flight of this.#flights)
      if (!flight.acknowledged && (at === null || flight.dueAt < at)) at = flight.dueAt;
    return at;
  }
}

const isSilent = ({ placed, expired }: Row): boolean => placed.length === 0 && expired.length === 0;

const draftOf = (rows: readonly Row[], through: number): Draft => ({
  through,
  placed: rows.flatMap(({ placed }) => placed),
  expired: rows.flatMap(({ expired }) => expired),
});

/** What a row's events mean to the read model. */
export function rowOf(seq: number, at: number, bytes: number, events: readonly SkuEvent[]): Row {
  const placed: Placement[] = [];
  const expired: { placement: Placement; at: number }[] = [];
  for (const event of events) {
    if (event.type === "held" && event.home) placed.push(event.home.placement);
    else if (event.type === "released" && event.ended) expired.push({ placement: event.ended, at });
  }
  return { seq, bytes, placed, expired };
}

/** The body of a journal row to be: JSON of some events. */
export interface Body {
  readonly json: string;
  readonly bytes: number;
  readonly events: readonly SkuEvent[];
}

/** The events of one commit as the bodies of as few rows as may be: nearly always one. */
export function bodiesOf(events: readonly SkuEvent[]): Body[] {
  const bodies: Body[] = [];
  let json = "";
  let bytes = 0;
  let from = 0;
  for (let i = 0; i < events.length; i++) {
    const text = JSON.stringify(events[i]);
    const size = utf8BytesOf(text) + 1;
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
