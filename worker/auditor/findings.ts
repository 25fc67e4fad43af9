import type { Difference } from "../read-models/differences.ts";

/** What one look at actors and D1 has found. */
export class Findings {
  readonly agreeing: string[] = [];
  readonly different: Difference[] = [];
  /** Messages sent to D1's consumer again. */
  republished = 0;
  readonly #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  agrees(id: string): void {
    this.agreeing.push(id);
  }

  differs(id: string, detail: string): void {
    this.different.push({ id, detail, since: this.#now, seenAt: this.#now });
  }

  get compared(): number {
    return this.agreeing.length + this.different.length;
  }

  add(others: Findings): void {
    this.agreeing.push(...others.agreeing);
    this.different.push(...others.different);
    this.republished += others.republished;
  }
}
