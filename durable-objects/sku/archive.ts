import type { BuyerId, OrderId } from "../../schema/ids.ts";
import { hashOf } from "../../schema/sold-out.ts";
import type { KeyEntry } from "./buyers.ts";
import { ChunkIndex } from "./chunk-index.ts";
import type { FrozenHold } from "./frozen-hold.ts";

const NOTHING: readonly Finished[] = [];

/** Buyers whose facts stay at hand after a look-up: who comes back again and again is read once. */
const RECALLED_MAX = 256;

/** What is finished: a hold, with the fingerprint of the key that it was placed with; or a key of an order whose home is elsewhere. */
export type Finished =
  | { readonly hold: FrozenHold; readonly fingerprint: string | null }
  | { readonly buyer: BuyerId; readonly entry: KeyEntry };

/** Finished facts that left memory together. */
export interface Chunk {
  /** How many they are. */
  readonly facts: number;
  /** How many of them are holds; then the hash of each hold's order, then that of each fact's buyer. */
  readonly hashes: Uint32Array<ArrayBuffer>;
  /** The facts as JSON. */
  readonly body: string;
}

export function chunkOf(facts: readonly Finished[]): Chunk {
  const orders = facts.flatMap((fact) => ("hold" in fact ? [hashOf(fact.hold[0])] : []));
  const buyers = facts.map((fact) => hashOf("hold" in fact ? fact.hold[1] : fact.buyer));
  const hashes = Uint32Array.of(orders.length, ...orders, ...buyers);
  return { facts: facts.length, hashes, body: JSON.stringify(facts) };
}

/** Reads a chunk that was stored. */
export type ReadChunk = (chunk: number) => string;

/**
 * What is finished and has left memory. Where each fact is stays here, in twenty bytes; the facts themselves are read when
 * somebody names their order, or their buyer comes back.
 */
export class Archive {
  readonly #read: ReadChunk;
  readonly #byOrder = new ChunkIndex();
  readonly #byBuyer = new ChunkIndex();
  readonly #recalled = new Map<number, readonly Finished[]>();
  /** Whom the last look-up was about: one decision asks about the same buyer several times. */
  #last: { readonly buyer: BuyerId; readonly facts: readonly Finished[] } | null = null;
  #chunks = 0;
  #facts = 0;

  constructor(read: ReadChunk) {
    this.#read = read;
  }

  /** How many chunks there are: the number of the next. */
  get chunks(): number {
    return this.#chunks;
  }

  get facts(): number {
    return this.#facts;
  }

  add(hashes: Uint32Array): void {
    const orders = hashes[0] ?? 0;
    for (let at = 1; at <= orders; at++) this.#byOrder.add(hashes[at] as number, this.#chunks);
    for (let at = 1 + orders; at < hashes.length; at++) {
      const hash = hashes[at] as number;
      this.#byBuyer.add(hash, this.#chunks);
      if (this.#recalled.size > 0) this.#recalled.delete(hash);
    }
    this.#last = null;
    this.#chunks++;
    this.#facts += hashes.length - 1 - orders;
  }

  /** The hold of an order as it last left memory. */
  holdOf(order: OrderId): Extract<Finished, { hold: FrozenHold }> | null {
    if (this.#chunks === 0) return null;
    for (const chunk of this.#byOrder.find(hashOf(order)))
      for (const fact of this.#factsOf(chunk).toReversed())
        if ("hold" in fact && fact.hold[0] === order) return fact;
    return null;
  }

  /** Everything about a buyer, what left memory last first. */
  ofBuyer(buyer: BuyerId): readonly Finished[] {
    if (this.#chunks === 0) return NOTHING;
    if (this.#last?.buyer !== buyer) this.#last = { buyer, facts: this.#look(buyer) };
    return this.#last.facts;
  }

  #look(buyer: BuyerId): readonly Finished[] {
    const hash = hashOf(buyer);
    const chunks = this.#byBuyer.find(hash);
    if (chunks.length === 0) return NOTHING;
    let facts = this.#recalled.get(hash);
    if (!facts) {
      facts = chunks.flatMap((chunk) => this.#factsOf(chunk).toReversed().filter(isOf(hash)));
      if (this.#recalled.size >= RECALLED_MAX) this.#recalled.clear();
      this.#recalled.set(hash, facts);
    }
    return facts.filter((fact) => ("hold" in fact ? fact.hold[1] : fact.buyer) === buyer);
  }

  /** Hashes of all buyers it knows of. */
  buyers(): Iterable<number> {
    return this.#byBuyer.hashes();
  }

  #factsOf(chunk: number): Finished[] {
    return JSON.parse(this.#read(chunk)) as Finished[];
  }
}

const isOf =
  (hash: number) =>
  (fact: Finished): boolean =>
    hashOf("hold" in fact ? fact.hold[1] : fact.buyer) === hash;
