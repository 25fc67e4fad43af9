/** Failures in a row after which a provider is believed to be down. */
const FAILURES_MAX = 5;
/** How long nobody asks a provider that is down, and how long the one who then asks keeps the others waiting. */
const OPEN_MS = 5_000;

/**
 * Whether a provider is worth asking. While it is down everybody is refused at once, which an order takes for what it is, an
 * unknown, instead of each buyer waiting out a deadline; then one at a time may try. One isolate's opinion, values only.
 */
export class Circuit {
  #failures = 0;
  /** Epoch ms. */
  #silentUntil = 0;

  /** Asks for leave. Whoever gets it after a break is the probe: the next has to wait for its end, or as long again. */
  admits(now: number): boolean {
    if (this.#failures < FAILURES_MAX) return true;
    if (now < this.#silentUntil) return false;
    this.#silentUntil = now + OPEN_MS;
    return true;
  }

  hear(succeeded: boolean, now: number): void {
    this.#failures = succeeded ? 0 : this.#failures + 1;
    if (this.#failures >= FAILURES_MAX) this.#silentUntil = now + OPEN_MS;
  }
}
