import type { Placement } from "../../schema/order.ts";
import type { SkuConfig } from "../../schema/sku.ts";
import { isNews, ROW_BYTES_MAX, type Row } from "./journal-text.ts";
import { placementOf } from "./placement.ts";

/** A message nobody acknowledged is sent again after 5 s, doubling to 5 min. */
export const RESEND_MS = 5_000;
const RESEND_MS_MAX = 300_000;
/** Messages on their way at once: what a consumer that is down for hours is sent again and again. */
const IN_FLIGHT_MAX = 500;
/** Rows kept for their first sending. Beyond it they are read back from the journal. */
const FRESH_ROWS_MAX = 500;
/** Rows read from the journal at a time. */
const PAGE_ROWS = 50;

/** What a message tells about the rows after `after`, up to `through`. */
export interface Draft {
  readonly after: number;
  readonly through: number;
  readonly placed: readonly Placement[];
  /** Orders that ended with their home hold, and when. */
  readonly expired: readonly { readonly placement: Placement; readonly at: number }[];
}

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
  readonly #offers: readonly SkuConfig[];
  #flights: Flight[] = [];
  #fresh: Row[] = [];
  #sentThrough: number;
  #last: number;
  /** When rows that were never sent are tried again; null when there are none. */
  #unsentDueAt: number | null;

  /**
   * @param cursor the last row known to be in D1.
   * @param last the last row of the journal.
   * @param offers the SKU's configurations, as they become.
   */
  constructor(cursor: number, last: number, now: number, offers: readonly SkuConfig[], read: ReadRows) {
    this.#read = read;
    this.#offers = offers;
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
      drafts.push(draftOf(this.#read(after, through, through - after), this.#offers, after, through));
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
        const after = this.#sentThrough;
        this.#flights.push({ after, through, sends: 1, dueAt: now + RESEND_MS, acknowledged: false });
        drafts.push(draftOf(packed, this.#offers, after, through));
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

  /**
   * D1 has the message about these rows. True when the cursor moved. A message of before a restart is known only when the same
   * rows have been packed again: one that began or ended elsewhere may have said less.
   */
  acknowledge(after: number, through: number): boolean {
    const before = this.cursor;
    const flight = this.#flights.find((sent) => sent.after === after && sent.through === through);
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

const isSilent = ({ events }: Row): boolean => !events.some(isNews);

/** Says in full what some rows mean to the read model. */
export function draftOf(
  rows: readonly Row[],
  offers: readonly SkuConfig[],
  after: number,
  through: number,
): Draft {
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
  return { after, through, placed, expired };
}
