import type { OrderId } from "../../../schema/ids.ts";
import type { Case } from "../../../schema/order.ts";
import type { Projected } from "../../../worker/read-models/projection.ts";
import { OrderCopy, type ReadModel, type Row } from "../copy.ts";

interface DeadLetter {
  readonly queue: string;
  readonly body: unknown;
}

/** An order whose time to pay ended longer ago than this should be heard of, and a refund as old, as the sweep has it. */
const LATE_MS = 15 * 60_000;
const SWEEP_MAX = 200;
const REFUNDS_MAX = 100;

/** D1 as a map of what its tables would hold. */
export class LightBooks implements ReadModel {
  isDown = false;
  readonly #copy = new OrderCopy();
  readonly #cases = new Map<string, Case>();
  readonly #letters = new Map<string, DeadLetter>();

  get outdated(): number {
    return this.#copy.outdated;
  }

  row(order: OrderId): Row | null {
    return this.#copy.row(order);
  }

  children(): null {
    return null;
  }

  cases(): Case[] {
    return [...this.#cases.values()];
  }

  letters(): string[] {
    return [...this.#letters.keys()];
  }

  /** All of them, or none when D1 is away. */
  project(changes: readonly Projected[]): void {
    this.#ask();
    for (const change of changes) this.#copy.project(change);
  }

  /** Whom the sweep tells what time it is. */
  late(now: number): OrderId[] {
    this.#ask();
    const before = now - LATE_MS;
    const late = this.#copy.late(before, SWEEP_MAX);
    return [...new Set([...late, ...this.#copy.refunding(before, REFUNDS_MAX)])];
  }

  open(opened: Case): void {
    this.#ask();
    if (!this.#cases.has(opened.id)) this.#cases.set(opened.id, opened);
  }

  keep(id: string, letter: DeadLetter): void {
    this.#ask();
    this.#letters.set(id, letter);
  }

  letter(id: string): DeadLetter | null {
    this.#ask();
    return this.#letters.get(id) ?? null;
  }

  sentAgain(id: string): void {
    this.#ask();
    this.#letters.delete(id);
  }

  #ask(): void {
    if (this.isDown) throw new Error("D1 is down");
  }
}
