import type { Faults } from "./faults.ts";
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

export interface Letter {
  readonly id: string;
  readonly body: unknown;
  readonly at: number;
  attempts: number;
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
  consume(batch: MessageBatch<unknown>): Promise<void>;
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

  async send(body: unknown): Promise<void> {
    return this.sendBatch([{ body }]);
  }

  async sendBatch(messages: Iterable<{ body: unknown }>): Promise<void> {
    const bodies = [...messages].map(({ body }) => body);
    const [first] = bodies;
    if (first === undefined) return;
    if (this.#faults.at("send", this.#host.partyOf(first))) throw new Error("the queue is down");
    for (const body of bodies) this.#enqueue(body);
  }

  /** A letter that nobody could digest. */
  bury({ body }: Pick<Letter, "body">): void {
    this.#arrive({ id: this.#nextId(), body, at: this.#loop.now, attempts: 1 }, LATENCY_MS);
  }

  #nextId(): string {
    return `${this.#settings.name}-${++this.#letters}`;
  }

  #enqueue(body: unknown): void {
    const letter: Letter = { id: this.#nextId(), body, at: this.#loop.now, attempts: 1 };
    const fault = this.#faults.at("message", this.#host.partyOf(body));
    switch (fault) {
      case "message_dropped":
        return this.#host.isPrecious(body) ? this.#arrive(letter, DELAY_MS_MAX) : undefined;
      case "message_dead":
        return this.dead?.bury(letter);
      case "message_repeated":
        this.#arrive({ ...letter }, LATENCY_MS + this.#faults.size * REORDER_MS_MAX);
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
    const settled = new Set<Letter>();
    const settle = (letter: Letter, then: () => void): void => {
      if (settled.has(letter)) return;
      settled.add(letter);
      this.open--;
      then();
    };
    const again = (letter: Letter, delaySeconds: number): void =>
      settle(letter, () => this.#retry(letter, delaySeconds));
    const messages = letters.map((letter) => ({
      id: letter.id,
      body: letter.body,
      attempts: letter.attempts,
      timestamp: new Date(letter.at),
      ack: () => settle(letter, () => undefined),
      retry: ({ delaySeconds = 0 } = {}) => again(letter, delaySeconds),
    }));
    const batch = { queue: this.#settings.name, messages } as unknown as MessageBatch<unknown>;
    this.#loop.run(
      () => this.#host.consume(batch),
      (cause) => {
        for (const letter of letters) {
          if (cause === undefined) settle(letter, () => undefined);
          else again(letter, REDELIVER_S);
        }
      },
    );
  }

  #retry(letter: Letter, delaySeconds: number): void {
    const triesMax = this.dead ? RETRIES_MAX : DEAD_RETRIES_MAX;
    if (letter.attempts > triesMax) return this.dead?.bury(letter);
    this.#arrive({ ...letter, attempts: letter.attempts + 1 }, delaySeconds * 1_000);
  }
}
