import type { Faults } from "./faults.ts";
import type { Loop } from "./loop.ts";

const SLOW_MS_MAX = 12_000;

/** An object that can die with its memory, and sends what it owes after a step. */
export interface Crashable {
  crash(): void;
  flush(): void;
}

/** A call that failed as the platform fails: not by anything our code did. */
export class CallFailed extends Error {
  readonly retryable: boolean;

  constructor(what: string, retryable = false) {
    super(what);
    this.retryable = retryable;
  }
}

/** Everything between whoever calls an object and the object: calls that are lost, slow, repeated, and objects that die in them. */
export class Calls {
  readonly #loop: Loop;
  readonly #faults: Faults;
  readonly #slow = new Set<(cause: Error) => void>();

  constructor(loop: Loop, faults: Faults) {
    this.#loop = loop;
    this.#faults = faults;
  }

  call<T>(party: number, object: Crashable, run: () => T): Promise<T> {
    const fault = this.#faults.at("call", party);
    switch (fault) {
      case null:
        return this.#now(object, run);
      case "call_lost":
        return Promise.reject(new CallFailed("the call never arrived"));
      case "crash_before_commit":
        object.crash();
        return Promise.reject(new CallFailed("the object was reset before it could write"));
      case "crash_after_commit":
        this.#do(run);
        object.crash();
        return Promise.reject(new CallFailed("the object was reset after it had written"));
      case "reply_lost":
        this.#do(run);
        object.flush();
        return Promise.reject(new CallFailed("the answer was lost"));
      case "call_repeated":
        this.#do(run);
        object.flush();
        return Promise.reject(new CallFailed("the answer was lost, and the caller may ask again", true));
      default:
        return this.#slowly(object, run);
    }
  }

  /** An alarm, which nobody waits for. */
  ring(object: Crashable, run: () => void): void {
    this.#do(run);
    object.flush();
  }

  /** Every call under way fails. */
  cutOff(): void {
    for (const fail of this.#slow) fail(new CallFailed("a new version was deployed"));
    this.#slow.clear();
  }

  #now<T>(object: Crashable, run: () => T): Promise<T> {
    const done = this.#do(run);
    object.flush();
    return Promise.resolve(done);
  }

  /** It arrives late, its answer comes late, and meanwhile other things happen. */
  #slowly<T>(object: Crashable, run: () => T): Promise<T> {
    const late = this.#faults.size * SLOW_MS_MAX;
    const answer = new Promise<T>((resolve, reject) => {
      const fail = (cause: Error): void => reject(cause);
      this.#slow.add(fail);
      this.#loop.after(late / 2, () => {
        if (!this.#slow.has(fail)) return;
        const done = this.#do(run);
        object.flush();
        this.#loop.after(late / 2, () => {
          this.#slow.delete(fail);
          resolve(done);
        });
      });
    });
    return this.#loop.waiting(answer);
  }

  #do<T>(run: () => T): T {
    try {
      return run();
    } catch (cause) {
      // What an object throws by itself is a rule of ours that was broken.
      this.#loop.stop(cause);
      throw cause;
    }
  }
}
