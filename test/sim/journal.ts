import { bodiesOf, eventsOf, offerOf, rowOf, type Row } from "../../durable-objects/sku/journal-text.ts";
import type { SkuConfig, SkuEvent } from "../../schema/sku.ts";

interface Happened {
  readonly seq: number;
  readonly at: number;
  readonly events: readonly SkuEvent[];
}

/** A row as the real publisher sends it, and as a light one does: each looks at its own. */
export type SimRow = Row & Pick<Happened, "events">;

/** The rows of a SKU's journal, in memory. */
export interface Journal {
  readonly isText: boolean;
  readonly length: number;
  /** Writes down what happened in one commit. */
  append(at: number, events: readonly SkuEvent[], offers: readonly SkuConfig[]): SimRow[];
  read(after: number, through: number): SimRow[];
  /** When a row was written. */
  atOf(seq: number): number;
  /** Everything that has happened after this row. */
  after(seq: number): Iterable<Happened>;
}

/** As it is on disk: every row read is a row parsed. */
export class TextJournal implements Journal {
  readonly isText = true;
  readonly rows: { readonly seq: number; readonly at: number; readonly body: string }[] = [];

  get length(): number {
    return this.rows.length;
  }

  append(at: number, events: readonly SkuEvent[], offers: readonly SkuConfig[]): SimRow[] {
    return bodiesOf(events, offers).map(({ json, ...body }) => {
      const seq = this.rows.length + 1;
      this.rows.push({ seq, at, body: json });
      return { seq, at, ...body, events: [] };
    });
  }

  read(after: number, through: number): SimRow[] {
    return this.rows.slice(after, through).map((row) => ({ ...rowOf(row), events: [] }));
  }

  atOf(seq: number): number {
    return this.rows[seq - 1]?.at ?? 0;
  }

  *after(seq: number): Generator<Happened> {
    for (let index = seq; index < this.rows.length; index++) {
      const row = this.rows[index] as (typeof this.rows)[number];
      yield { seq: row.seq, at: row.at, events: eventsOf(row.body) };
    }
  }
}

/** An event as text is no longer than this: names are short here, and no order has more than two lines. */
const EVENT_BYTES = 300;

/** The events themselves, which costs nothing: a commit is a row. */
export class EventJournal implements Journal {
  readonly isText = false;
  readonly #rows: SimRow[] = [];

  get length(): number {
    return this.#rows.length;
  }

  append(at: number, events: readonly SkuEvent[]): SimRow[] {
    const told = new Set(events.map(offerOf).filter((offer) => offer !== null));
    const bytes = events.length * EVENT_BYTES;
    const row: SimRow = { seq: this.#rows.length + 1, at, bytes, offers: [...told], news: "", events };
    this.#rows.push(row);
    return [row];
  }

  read(after: number, through: number): SimRow[] {
    return this.#rows.slice(after, through);
  }

  atOf(seq: number): number {
    return this.#rows[seq - 1]?.at ?? 0;
  }

  after(seq: number): SimRow[] {
    return this.#rows.slice(seq);
  }
}
