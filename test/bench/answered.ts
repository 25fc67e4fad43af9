/** What a load has been answered. */
export interface Answered {
  /** How many, by status. */
  readonly statuses: Record<string, number>;
  /** How long an answer took, of half and of 99 in a hundred of them. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Counts answers, and sorts their times in the end. */
export class Answers {
  readonly #statuses: Record<string, number> = {};
  readonly #times: number[] = [];

  get count(): number {
    return this.#times.length;
  }

  add(status: string, tookMs: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    this.#times.push(tookMs);
  }

  end(): Answered {
    const sorted = this.#times.toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
    return { statuses: this.#statuses, p50Ms: at(0.5), p99Ms: at(0.99) };
  }
}
