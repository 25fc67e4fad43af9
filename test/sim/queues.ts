import type { Faults } from "./faults.ts";
import type { Flow } from "./flow.ts";
import type { Loop } from "./loop.ts";

/** A message arrives after so long when nothing is wrong. */
const LATENCY_MS = 5;
const DELAY_MS_MAX = 600_000;
const REORDER_MS_MAX = 3_000;
/** As wrangler.toml has it. */
const RETRIES_MAX = 8;
const DEAD_RETRIES_MAX = 100;
/** A consumer that died with its batch: its messages come again. */
const REDELIVER_S = 5;

/** Hears once what became of a message: tried again after so many seconds, or, with null, never. */
type Settle = (letter: Letter, retryAfterS: number | null) => void;

/** A message as its consumer has it: as much of the platform's as the Worker reads. What is said of it first counts. */
export class Letter<Body = unknown> {
  readonly id: string;
  readonly body: Body;
  readonly attempts: number;
  readonly #at: number;
  readonly #settle: Settle;
  #isSettled = false;

  constructor(facts: { id: string; body: Body; at: number; attempts: number }, settle: Settle) {
    this.id = facts.id;
    this.body = facts.body;
    this.attempts = facts.attempts;
    this.#at = facts.at;
    this.#settle = settle;
  }

  get timestamp(): Date {
    return new Date(this.#at);
  }

  ack(): void {
    this.#end(null);
  }

  retry({ delaySeconds = 0 }: { delaySeconds?: number } = {}): void {
    this.#end(delaySeconds);
  }

  /** The same message once more. */
  again(attempts: number): Letter<Body> {
    const { id, body } = this;
    return new Letter({ id, body, at: this.#at, attempts }, this.#settle);
  }

  #end(retryAfterS: number | null): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle(this, retryAfterS);
  }
}

interface Settings {
  readonly name: string;
  readonly batchMax: number;
  readonly batchMs: number;
}

export interface QueueHost {
  /** The party whose message this is. */
  partyOf(body: unknown): number;
  /** Whether the sale could never come to rest without it. */
  isPrecious(body: unknown): boolean;
  consume(queue: string, letters: Letter[]): Flow<unknown>;
}

/** A queue as the platform promises it: at least once, in any order, or as the local broker really is: now and then not at all. */
export class SimQueue {
  /** Messages on their way or with a consumer. */
  open = 0;
  readonly dead: SimQueue | null;
  readonly #settings: Settings;
  readonly #loop: Loop;
  readonly #faults: Faults;
  readonly #host: QueueHost;
  #ready: Letter[] = [];
  #isFlushing = false;
  #letters = 0;

  constructor(settings: Settings, loop: Loop, faults: Faults, host: QueueHost) {
    this.#settings = settings;
    this.#loop = loop;
    this.#faults = faults;
    this.#host = host;
    const { name } = settings;
    const isDead = name.endsWith("-dead");
    this.dead = isDead
      ? null
      : new SimQueue({ name: `${name}-dead`, batchMax: 10, batchMs: 1_000 }, loop, faults, host);
  }

  get name(): string {
    return this.#settings.name;
  }

  /** Takes all of these messages, or throws and takes none. */
  put(bodies: readonly unknown[]): void {
    const [first] = bodies;
    if (first === undefined) return;
    if (this.#faults.at("send", this.#host.partyOf(first))) throw new Error("the queue is down");
    for (const body of bodies) this.#enqueue(body);
  }

  /** A letter that nobody could digest. */
  bury(body: unknown): void {
    this.#arrive(this.#letter(body), LATENCY_MS);
  }

  #letter(body: unknown): Letter {
    const id = `${this.#settings.name}-${++this.#letters}`;
    return new Letter({ id, body, at: this.#loop.now, attempts: 1 }, this.#settled);
  }

  #enqueue(body: unknown): void {
    const letter = this.#letter(body);
    switch (this.#faults.at("message", this.#host.partyOf(body))) {
      case "message_dropped":
        return this.#host.isPrecious(body) ? this.#arrive(letter, DELAY_MS_MAX) : undefined;
      case "message_dead":
        return this.dead?.bury(body);
      case "message_repeated":
        this.#arrive(letter.again(1), LATENCY_MS + this.#faults.size * REORDER_MS_MAX);
        return this.#arrive(letter, LATENCY_MS);
      case "message_delayed":
        return this.#arrive(letter, this.#faults.size ** 2 * DELAY_MS_MAX);
      case "message_reordered":
        return this.#arrive(letter, this.#faults.size * REORDER_MS_MAX);
      default:
        return this.#arrive(letter, LATENCY_MS);
    }
  }

  #arrive(letter: Letter, afterMs: number): void {
    this.open++;
    this.#loop.after(Math.floor(afterMs), () => {
      this.#ready.push(letter);
      if (this.#isFlushing) return;
      this.#isFlushing = true;
      this.#loop.after(this.#settings.batchMs, () => this.#flush());
    });
  }

  #flush(): void {
    this.#isFlushing = false;
    while (this.#ready.length > 0) this.#deliver(this.#ready.splice(0, this.#settings.batchMax));
  }

  #deliver(letters: Letter[]): void {
    this.#loop.begin(this.#host.consume(this.#settings.name, letters), (failure) => {
      for (const letter of letters) {
        if (failure) letter.retry({ delaySeconds: REDELIVER_S });
        else letter.ack();
      }
    });
  }

  readonly #settled = (letter: Letter, retryAfterS: number | null): void => {
    this.open--;
    if (retryAfterS === null) return;
    const triesMax = this.dead ? RETRIES_MAX : DEAD_RETRIES_MAX;
    if (letter.attempts > triesMax) this.dead?.bury(letter.body);
    else this.#arrive(letter.again(letter.attempts + 1), retryAfterS * 1_000);
  };
}
