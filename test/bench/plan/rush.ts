import { DueHeap } from "../../../durable-objects/sku/due-heap.ts";
import { unreachable } from "../../../schema/result.ts";
import { POOL_BATCH_MAX, WAITING_MAX } from "../../../durable-objects/gate/pool.ts";

/** A sale to be planned, and what its parts take. Times are milliseconds. */
export interface Rush {
  readonly buyers: number;
  readonly stock: number;
  readonly gates: number;
  /** All buyers press within this time, evenly. */
  readonly windowMs: number;
  /** Isolates of the Worker that the buyers are spread over: each learns by itself that all is sold. */
  readonly isolates: number;
  /** One request at a gate. */
  readonly gateMs: number;
  /** From a gate to the SKU, and as long back. */
  readonly hopMs: number;
  /** What the SKU takes for a batch, and for each hold of it. */
  readonly batchMs: number;
  readonly holdMs: number;
  readonly seed: number;
}

export interface Outcome {
  readonly sold: number;
  /** When the last unit was decided; null when some are left. */
  readonly soldOutMs: number | null;
  /** Refused by the SKU or a gate because nothing was left. */
  readonly refused: number;
  /** Refused by the Worker from memory, without a call. */
  readonly refusedAtEdge: number;
  /** Answers "come again in a second", because a gate's queue was full. Everybody does. */
  readonly overloaded: number;
  readonly batches: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Press {
  /** When the buyer first pressed. */
  readonly at: number;
  readonly isolate: number;
  readonly gate: Gate;
}

/** What `Retry-After` says to whom a gate had no place for. */
const RETRY_MS = 1_000;

interface Gate {
  /** In the order they came; each may go along with a batch once the gate has read it. */
  readonly waiting: { readonly press: Press; readonly readAt: number }[];
  /** Requests before this one have been taken out of `waiting`. */
  next: number;
  /** When it has served everybody who is there. */
  freeAt: number;
  inFlight: boolean;
  knowsSoldOut: boolean;
}

/** What happens next, other than a press. */
type Happening =
  | { readonly type: "pressed"; readonly press: Press }
  | { readonly type: "read"; readonly gate: Gate }
  | { readonly type: "decided"; readonly gate: Gate; readonly presses: readonly Press[] }
  | {
      readonly type: "answered";
      readonly gate: Gate;
      readonly presses: readonly Press[];
      readonly sold: number;
    };

/** Numbers that look random and are the same for the same seed (mulberry32). */
function chanceOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Lives through one rush, press by press. The same rush always ends the same. */
export class RushSimulation {
  readonly #rush: Rush;
  readonly #gates: Gate[];
  readonly #knowing: boolean[];
  readonly #happenings = new DueHeap<Happening>();
  readonly #waits: Float32Array;
  #answered = 0;
  #left: number;
  #skuFreeAt = 0;
  #soldOutMs: number | null = null;
  #refused = 0;
  #refusedAtEdge = 0;
  #overloaded = 0;
  #batches = 0;

  constructor(rush: Rush) {
    this.#rush = rush;
    this.#left = rush.stock;
    this.#waits = new Float32Array(rush.buyers);
    this.#knowing = Array.from({ length: rush.isolates }, () => false);
    this.#gates = Array.from({ length: rush.gates }, () => ({
      waiting: [],
      next: 0,
      freeAt: 0,
      inFlight: false,
      knowsSoldOut: false,
    }));
  }

  run(): Outcome {
    const { buyers, windowMs, isolates, gates, seed } = this.#rush;
    const chance = chanceOf(seed);
    for (let n = 0; n < buyers; n++) {
      const at = (n * windowMs) / buyers;
      this.#liveUntil(at);
      const gate = this.#gates[Math.floor(chance() * gates)];
      if (gate) this.#press({ at, isolate: Math.floor(chance() * isolates), gate }, at);
    }
    this.#liveUntil(Infinity);
    const waits = this.#waits.subarray(0, this.#answered).sort();
    const quantile = (share: number): number => waits[Math.floor(waits.length * share)] ?? 0;
    return {
      sold: this.#rush.stock - this.#left,
      soldOutMs: this.#soldOutMs,
      refused: this.#refused,
      refusedAtEdge: this.#refusedAtEdge,
      overloaded: this.#overloaded,
      batches: this.#batches,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
    };
  }

  #press(press: Press, now: number): void {
    if (this.#knowing[press.isolate]) {
      this.#refusedAtEdge++;
      this.#answer(press, now);
      return;
    }
    const { gate } = press;
    if (gate.waiting.length - gate.next >= WAITING_MAX) {
      this.#overloaded++;
      this.#happenings.push(now + RETRY_MS, { type: "pressed", press });
      return;
    }
    gate.freeAt = Math.max(gate.freeAt, now) + this.#rush.gateMs;
    if (gate.knowsSoldOut) return this.#refuse(press, gate.freeAt);
    gate.waiting.push({ press, readAt: gate.freeAt });
    if (!gate.inFlight && gate.waiting.length - gate.next === 1)
      this.#happenings.push(gate.freeAt, { type: "read", gate });
  }

  /** The next batch of a gate, when none is on its way: everybody it has read by now. */
  #send(gate: Gate, now: number): void {
    if (gate.inFlight) return;
    const presses: Press[] = [];
    for (let next = gate.waiting[gate.next]; next && next.readAt <= now; next = gate.waiting[gate.next]) {
      if (presses.length === POOL_BATCH_MAX) break;
      presses.push(next.press);
      gate.next++;
    }
    const later = gate.waiting[gate.next];
    if (presses.length === 0) {
      if (later) this.#happenings.push(later.readAt, { type: "read", gate });
      return;
    }
    gate.inFlight = true;
    const { hopMs, batchMs, holdMs } = this.#rush;
    this.#skuFreeAt = Math.max(this.#skuFreeAt, now + hopMs) + batchMs + holdMs * presses.length;
    this.#happenings.push(this.#skuFreeAt, { type: "decided", gate, presses });
    this.#batches++;
  }

  #liveUntil(now: number): void {
    for (let at = this.#happenings.peekAt(); at !== null && at <= now; at = this.#happenings.peekAt()) {
      const happening = this.#happenings.pop();
      if (happening) this.#live(happening, at);
    }
  }

  #live(happening: Happening, now: number): void {
    switch (happening.type) {
      case "pressed":
        return this.#press(happening.press, now);
      case "read":
        return this.#send(happening.gate, now);
      case "decided":
        return this.#decide(happening, now);
      case "answered":
        return this.#pass(happening, now);
      default:
        return unreachable(happening);
    }
  }

  #decide({ gate, presses }: Extract<Happening, { type: "decided" }>, now: number): void {
    const sold = Math.min(this.#left, presses.length);
    this.#left -= sold;
    if (sold > 0 && this.#left === 0) this.#soldOutMs = now;
    this.#happenings.push(now + this.#rush.hopMs, { type: "answered", gate, presses, sold });
  }

  #pass({ gate, presses, sold }: Extract<Happening, { type: "answered" }>, now: number): void {
    gate.inFlight = false;
    for (const [index, press] of presses.entries()) {
      if (index < sold) this.#answer(press, now);
      else this.#refuse(press, now);
    }
    if (sold < presses.length) {
      gate.knowsSoldOut = true;
      for (; gate.next < gate.waiting.length; gate.next++) {
        const waiting = gate.waiting[gate.next];
        if (waiting) this.#refuse(waiting.press, Math.max(now, waiting.readAt));
      }
    }
    this.#send(gate, now);
  }

  #refuse(press: Press, now: number): void {
    this.#refused++;
    this.#knowing[press.isolate] = true;
    this.#answer(press, now);
  }

  #answer({ at }: Press, now: number): void {
    this.#waits[this.#answered++] = now - at;
  }
}
