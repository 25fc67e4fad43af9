import { setImmediate } from "node:timers/promises";
import { DueHeap } from "../../durable-objects/sku/due-heap.ts";
import type { Flow, Wait } from "./flow.ts";

/** Things that happen in a world, at most: a hundred times as many as in the longest. */
const HAPPENED_MAX = 1_000_000;
/** Turns of the real event loop in which nobody goes on: then somebody waits for something outside of this world. */
const TURNS_MAX = 10_000;

/** What went wrong. */
export interface Failure {
  readonly cause: unknown;
}
type Ended<T> = (failure: Failure | null, value: T | undefined) => void;

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
  #end: Failure | null = null;
  readonly #agenda = new DueHeap<() => void>();
  /** Whether code that promises runs here, which goes on by itself when nothing happens. */
  readonly #isPromised: boolean;
  /** Promises that flows wait for, and how many of those who are to keep them wait for an instant themselves. */
  #promised = 0;
  #waiting = 0;

  constructor(now: number, isPromised: boolean) {
    this.now = now;
    this.#isPromised = isPromised;
  }

  /** Whether something is still to happen. */
  get isPlanned(): boolean {
    return this.#agenda.peekAt() !== null;
  }

  at(instant: number, happen: () => void): void {
    this.#agenda.push(Math.max(Math.round(instant), this.now), happen);
  }

  after(ms: number, happen: () => void): void {
    this.at(this.now + ms, happen);
  }

  /** Nothing more happens: a rule was broken. */
  stop(cause: unknown): void {
    this.#end ??= { cause };
  }

  /** Lets a flow go on to its end; `ended` hears what came of it. */
  begin<T>(flow: Flow<T>, ended: Ended<T>): void {
    this.#go(flow, ended, null, undefined);
  }

  /** A flow for whoever awaits. */
  answer<T>(flow: Flow<T>): Promise<T> {
    let isOver = false;
    const answer = new Promise<T>((resolve, reject) => {
      this.begin(flow, (failure, value) => {
        isOver = true;
        if (failure) reject(failure.cause);
        else resolve(value as T);
      });
    });
    return isOver ? answer : this.waiting(answer);
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
      if (++this.happened > HAPPENED_MAX) throw new Error("it never comes to rest");
      if (at > this.now) this.now = at;
      happen?.();
      if (this.#isPromised) await this.#settle();
      if (this.#end) throw this.#end.cause;
    }
  }

  #go<T>(flow: Flow<T>, ended: Ended<T>, failure: Failure | null, value: unknown): void {
    let step: IteratorResult<Wait, T>;
    try {
      step = failure ? flow.throw(failure.cause) : flow.next(value);
    } catch (cause) {
      return ended({ cause }, undefined);
    }
    if (step.done) return ended(null, step.value);
    const wait = step.value;
    if (typeof wait === "number") this.after(wait, () => this.#go(flow, ended, null, undefined));
    else if (wait instanceof Promise) this.#await(wait, (wrong, said) => this.#go(flow, ended, wrong, said));
    else this.#together(wait, (wrong, said) => this.#go(flow, ended, wrong, said));
  }

  #await(promise: Promise<unknown>, ended: Ended<unknown>): void {
    this.#promised++;
    const end: Ended<unknown> = (failure, value) => {
      this.#promised--;
      ended(failure, value);
    };
    promise.then(
      (value) => end(null, value),
      (cause: unknown) => end({ cause }, undefined),
    );
  }

  #together(flows: readonly Flow<unknown>[], ended: Ended<unknown[]>): void {
    const values: unknown[] = [];
    let open = flows.length;
    let wrong: Failure | null = null;
    if (open === 0) return ended(null, values);
    for (const [index, flow] of flows.entries())
      this.begin(flow, (failure, value) => {
        wrong ??= failure;
        values[index] = value;
        if (--open === 0) ended(wrong, values);
      });
  }

  /** Lets everything go on that has been answered, however many steps it takes: a turn of the real event loop ends when nobody can. */
  async #settle(): Promise<void> {
    let turns = 0;
    do {
      if (++turns > TURNS_MAX) throw new Error("somebody waits for something outside of this world");
      await setImmediate();
    } while (this.#promised > this.#waiting);
  }
}
