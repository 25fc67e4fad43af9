import type { Order, Report } from "../../schema/order.ts";
import { decide } from "./machine.ts";
import { PUBLISH, type OrderStore } from "./store.ts";
import { dueAt } from "./time.ts";

/** A word that may wait, waits for an alarm that rings within so long: far sooner than an object without work leaves memory. */
const WAIT_MS_MAX = 6_000;

/** What an order is told, and the work that is settled by it. */
export interface Word {
  readonly reports: readonly Report[];
  readonly settles: string | null;
}

/**
 * Acknowledgements that are written down with whatever is written next. Lost with this memory, they are asked for again: the
 * outbox has their work until they are written.
 */
export class Words {
  readonly #store: Pick<OrderStore, "owesOnly">;
  #waiting: readonly Word[] = [];

  constructor(store: Pick<OrderStore, "owesOnly">) {
    this.#store = store;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** All of them, to be written now. Should that fail, their work is done once more. */
  take(): readonly Word[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  /** The order as it will be written. */
  heardBy(order: Order): Order {
    const reports = this.#waiting.flatMap((word) => word.reports);
    return reports.reduce((before, report) => decide(before, report, Date.now()).order, order);
  }

  /**
   * True when a word waits from now on: it changes nothing that anybody can see and asks for nothing, the alarm is about to write
   * it, and it is not the last one that the order at rest waits for.
   */
  keep(stored: Order, word: Word, armedAt: number | null): boolean {
    const now = Date.now();
    if (armedAt === null || armedAt <= now || armedAt > now + WAIT_MS_MAX) return false;
    const order = this.heardBy(stored);
    const [report, ...others] = word.reports;
    if (!report || others.length > 0 || !isAcknowledgement(order, report)) return false;
    if (dueAt(order) === null && this.#store.owesOnly([...this.#waiting, word].flatMap(settledBy)))
      return false;
    // Decided on here, so that whoever brings what breaks a rule hears of it.
    decide(order, report, now);
    this.#waiting = [...this.#waiting, word];
    return true;
  }
}

const settledBy = ({ reports, settles }: Word): string[] => [
  ...reports.filter(({ type }) => type === "projected").map(() => PUBLISH),
  ...(settles === null ? [] : [settles]),
];

/** Word that our own work was done. That D1 has an older version is not news, and is not kept. */
const isAcknowledgement = ({ state, version }: Order, report: Report): boolean =>
  (report.type === "stock_committed" && state === "paid") ||
  (report.type === "projected" && report.version === version);
