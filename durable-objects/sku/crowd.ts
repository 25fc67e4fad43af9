/** Holds asked for in one second that are too many to come one by one: the platform's object takes about twice as many requests. */
const CROWD_PER_SECOND = 500;
/** How long a crowd is expected to come back. */
const CROWD_MS = 30_000;

/** Whether so many people ask for a SKU that gates should pool them. */
export class Crowd {
  #second = 0;
  #asked = 0;
  #until = 0;

  /** @param now epoch ms. */
  ask(count: number, now: number): void {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#asked = 0;
    }
    this.#asked += count;
    if (this.#asked >= CROWD_PER_SECOND) this.#until = now + CROWD_MS;
  }

  isHere(now: number): boolean {
    return now < this.#until;
  }
}
