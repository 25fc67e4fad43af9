import type { Faults } from "./faults.ts";
import type { Flow } from "./flow.ts";
import type { Loop } from "./loop.ts";

const SLOW_MS_MAX = 12_000;
/** A request that its caller has given up on may still arrive within so long. */
const OVERDUE_MS_MAX = 40_000;

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
  #versions = 0;

  constructor(loop: Loop, faults: Faults) {
    this.#loop = loop;
    this.#faults = faults;
  }

  /** @param repeats whether what may be asked again is, once: the Worker's own calls see to that themselves. */
  *call<T>(party: number, object: Crashable, run: () => T, repeats: boolean): Flow<T> {
    switch (this.#faults.at("call", party)) {
      case null:
        return this.#done(object, run);
      case "call_lost":
        throw new CallFailed("the call never arrived");
      case "call_overdue":
        this.#loop.after(this.#faults.size * OVERDUE_MS_MAX, () => this.#done(object, run));
        throw new CallFailed("nobody has answered, and the call arrives all the same");
      case "crash_before_commit":
        object.crash();
        throw new CallFailed("the object was reset before it could write");
      case "crash_after_commit":
        this.#do(run);
        object.crash();
        throw new CallFailed("the object was reset after it had written");
      case "reply_lost":
        this.#done(object, run);
        throw new CallFailed("the answer was lost");
      case "call_repeated":
        this.#done(object, run);
        if (repeats) return yield* this.call(party, object, run, false);
        throw new CallFailed("the answer was lost, and the caller may ask again", true);
      default:
        return yield* this.#slowly(object, run);
    }
  }

  /** An alarm, which nobody waits for. */
  ring(object: Crashable, run: () => void): void {
    this.#done(object, run);
  }

  /** Every call under way fails. */
  cutOff(): void {
    this.#versions++;
  }

  /** It arrives late, its answer comes late, and meanwhile other things happen. */
  *#slowly<T>(object: Crashable, run: () => T): Flow<T> {
    const late = this.#faults.size * SLOW_MS_MAX;
    const version = this.#versions;
    yield late / 2;
    if (version !== this.#versions) throw new CallFailed("a new version was deployed");
    const done = this.#done(object, run);
    yield late / 2;
    if (version !== this.#versions) throw new CallFailed("a new version was deployed");
    return done;
  }

  #done<T>(object: Crashable, run: () => T): T {
    const done = this.#do(run);
    object.flush();
    return done;
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
