import type { SkuConfig, SkuRows } from "../../schema/sku.ts";
import { bytesOfOffer, ROW_BYTES_MAX, type Row } from "./journal-text.ts";

/** A message nobody acknowledged is sent again after 5 s, doubling to 5 min. */
export const RESEND_MS = 5_000;
const RESEND_MS_MAX = 300_000;
/** Messages on their way at once: what a consumer that is down for hours is sent again and again. */
const IN_FLIGHT_MAX = 500;
/** Rows kept for their first sending. Beyond it they are read back from the journal. */
const FRESH_ROWS_MAX = 500;
/** Rows that are packed at a time, and how many bytes of them: so much is read and packed in a few milliseconds. */
const PAGE_ROWS = 50;
const PAGE_BYTES = 4 * ROW_BYTES_MAX;
/** Messages made in one turn of the event loop, beside a page: whoever asks meanwhile does not wait for more. */
export const DRAFTS_MAX = 4;

/** A message about the rows after `after`, up to `through`. */
export interface Draft<R = Row> extends Pick<SkuRows, "offers"> {
  readonly after: number;
  readonly through: number;
  /** Those of them that have something to tell. */
  readonly rows: readonly R[];
}

/** What there is to know of a row to send it. */
type Sendable = Pick<Row, "seq" | "bytes" | "offers">;

interface Flight {
  /** It speaks of the rows after this one, up to `through`. */
  readonly after: number;
  readonly through: number;
  sends: number;
  dueAt: number;
  acknowledged: boolean;
}

/** Reads rows of the journal, no more than so many and, after the first, no more than so many bytes. */
export type ReadRows<R = Row> = (after: number, through: number, rows: number, bytes: number) => R[];

/** The journal as an outbox: which rows D1 has, which are on their way, and when to send again. */
export class Outbox<R extends Sendable = Row> {
  readonly #read: ReadRows<R>;
  readonly #offers: readonly SkuConfig[];
  #flights: Flight[] = [];
  #fresh: R[] = [];
  #sentThrough: number;
  #last: number;
  /** When rows that were never sent are tried again; null when there are none. */
  #unsentDueAt: number | null;

  /**
   * @param cursor the last row known to be in D1.
   * @param last the last row of the journal.
   * @param offers the SKU's configurations, as they become.
   */
  constructor(cursor: number, last: number, now: number, offers: readonly SkuConfig[], read: ReadRows<R>) {
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

  wrote(row: R, now: number): void {
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

  /**
   * Messages to send now; when they are `DRAFTS_MAX` or more, there are others. Each counts as sent from here on, and comes again
   * until it is acknowledged.
   */
  take(now: number): Draft<R>[] {
    const drafts: Draft<R>[] = [];
    for (const flight of this.#flights) {
      if (flight.acknowledged || flight.dueAt > now || drafts.length >= DRAFTS_MAX) continue;
      flight.dueAt = now + Math.min(RESEND_MS * 2 ** flight.sends, RESEND_MS_MAX);
      flight.sends++;
      const { after, through } = flight;
      const rows = this.#read(after, through, through - after, Infinity).filter((row) => !isSilent(row));
      drafts.push({ after, through, rows, offers: this.#offersOf(rows) });
    }
    while (this.hasUnsent && this.#flights.length < IN_FLIGHT_MAX && drafts.length < DRAFTS_MAX) {
      const rows = this.#unsent();
      if (rows.length === 0) throw new Error(`journal rows after ${this.#sentThrough} are missing`);
      this.#pack(rows, drafts, now);
    }
    this.#unsentDueAt = this.hasUnsent ? now + RESEND_MS : null;
    return drafts;
  }

  /** Packs a page of rows into messages. Rows with nothing to tell travel with their neighbours, or not at all. */
  #pack(rows: readonly R[], drafts: Draft<R>[], now: number): void {
    let load: R[] = [];
    let told = new Set<number>();
    let bytes = 0;
    const close = (through: number): void => {
      if (load.length > 0) {
        const after = this.#sentThrough;
        this.#flights.push({ after, through, sends: 1, dueAt: now + RESEND_MS, acknowledged: false });
        drafts.push({ after, through, rows: load, offers: this.#offersOf(load) });
      }
      this.#sentThrough = through;
      load = [];
      told = new Set();
      bytes = 0;
    };
    let through = this.#sentThrough;
    for (const row of rows) {
      if (!isSilent(row)) {
        if (load.length > 0 && bytes + this.#bytesOf(row, told) > ROW_BYTES_MAX) close(through);
        bytes += this.#bytesOf(row, told);
        for (const offer of row.offers) told.add(offer);
        load.push(row);
      }
      through = row.seq;
    }
    close(through);
  }

  /** What a row adds to a message that tells of some offers already. */
  #bytesOf({ bytes, offers }: R, told: ReadonlySet<number>): number {
    return offers
      .filter((offer) => !told.has(offer))
      .reduce((sum, offer) => sum + bytesOfOffer(this.#offers, offer), bytes);
  }

  #offersOf(rows: readonly R[]): SkuRows["offers"] {
    const numbers = new Set(rows.flatMap((row) => row.offers));
    return Array.from(numbers, (number) => {
      const offer = this.#offers[number];
      if (!offer) throw new Error(`there never was an offer ${number}`);
      return [number, offer];
    });
  }

  #unsent(): R[] {
    if (this.#fresh[0]?.seq === this.#sentThrough + 1) return this.#fresh.splice(0, this.#pageOfFresh());
    const before = (this.#fresh[0]?.seq ?? this.#last + 1) - 1;
    return this.#read(this.#sentThrough, before, PAGE_ROWS, PAGE_BYTES);
  }

  #pageOfFresh(): number {
    let bytes = this.#fresh[0]?.bytes ?? 0;
    let rows = 1;
    while (rows < Math.min(PAGE_ROWS, this.#fresh.length)) {
      bytes += this.#fresh[rows]?.bytes ?? 0;
      if (bytes > PAGE_BYTES) break;
      rows++;
    }
    return rows;
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

const isSilent = ({ offers }: Sendable): boolean => offers.length === 0;
