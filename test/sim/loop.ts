import { DueHeap } from "../../durable-objects/sku/due-heap.ts";

/** Steps that code of the Worker may take between two calls; more means that it waits for something outside of this world. */
const STEPS_MAX = 500_000;
/** Steps that are given to code nobody counts: what goes on after a pause of its own. */
const STEPS_AFTER_PAUSE = 6;

/** Waiting for it lets everybody else go on by one step. */
const STEP = Promise.resolve();

/**
 * Virtual time. What is planned happens in the order of its instants, one thing after the other, and code that waits for an
 * answer goes on as far as it can before the next thing happens: so the same plans always make the same history.
 */
export class Loop {
  /** Epoch ms, as a clock without a fault shows it. */
  now: number;
  /** Things that have happened. */
  happened = 0;
  /** Why this world must not go on. */
  #end: { cause: unknown } | null = null;
  readonly #agenda = new DueHeap<() => void>();
  #planned = 0;
  /** Work of the Worker and of buyers that has not ended, and how much of it waits for an answer or an instant. */
  #running = 0;
  #waiting = 0;

  constructor(now: number) {
    this.now = now;
  }

  /** What is still to happen. */
  get planned(): number {
    return this.#planned;
  }

  at(instant: number, happen: () => void): void {
    this.#planned++;
    this.#agenda.push(Math.max(Math.round(instant), this.now), happen);
  }

  after(ms: number, happen: () => void): void {
    this.at(this.now + ms, happen);
  }

  /** For whoever runs in this loop and wants to wait. */
  pause(ms: number): Promise<void> {
    return this.waiting(new Promise((resolve) => this.after(ms, resolve)));
  }

  /** An answer that comes at an instant of its own. */
  waiting<T>(answer: Promise<T>): Promise<T> {
    this.#waiting++;
    const leave = (): void => {
      this.#waiting--;
    };
    answer.then(leave, leave);
    return answer;
  }

  /** Nothing more happens: a rule was broken. */
  stop(cause: unknown): void {
    this.#end ??= { cause };
  }

  /** Begins a piece of work; `ended` hears what went wrong with it, or nothing. */
  run(work: () => Promise<unknown>, ended: (cause?: unknown) => void): void {
    this.#running++;
    void this.#through(work, ended);
  }

  async #through(work: () => Promise<unknown>, ended: (cause?: unknown) => void): Promise<void> {
    let wrong: unknown;
    try {
      await work();
    } catch (cause) {
      wrong = cause ?? new Error("something was rejected for no reason");
    }
    this.#running--;
    ended(wrong);
  }

  /** A pause of code that does not know of this loop. */
  foreignPause(ms: number, signal?: AbortSignal): Promise<void> {
    const pause = new Promise<void>((resolve) => {
      // Whoever gives up its pause has raced it against something else: that it never ends is as good as a rejection.
      this.after(ms, () => {
        if (!signal?.aborted) resolve();
      });
    });
    // The end of a turn is waited for by work that is counted; longer pauses are nobody's.
    return ms === 0 ? this.waiting(pause) : pause;
  }

  /** Lives until nothing is planned any more, or until this instant. */
  async live(until: number): Promise<void> {
    for (;;) {
      const at = this.#agenda.peekAt();
      if (at === null || at > until) return;
      const happen = this.#agenda.pop();
      this.#planned--;
      this.happened++;
      if (at > this.now) this.now = at;
      happen?.();
      await this.#settle();
      if (this.#end) throw this.#end.cause;
    }
  }

  /** Lets everything go on that has been answered. */
  async #settle(): Promise<void> {
    for (let step = 0; step < STEPS_AFTER_PAUSE || this.#running > this.#waiting; step++) {
      if (step > STEPS_MAX) throw new Error("somebody waits for something outside of this world");
      await STEP;
    }
  }
}
