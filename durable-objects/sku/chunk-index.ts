/** Entries of the first segment; each next one has twice as many, so that nothing is ever copied to make room. */
const FIRST_SLOTS = 1 << 14;
/** A segment this full is followed by the next: fuller, and a look-up would walk. */
const FULL = 0.75;

/** Numbers of chunks by a 32-bit hash, eight bytes an entry: a million are no more objects than a dozen. */
export class ChunkIndex {
  readonly #segments: Segment[] = [];

  add(hash: number, chunk: number): void {
    let last = this.#segments.at(-1);
    if (!last || last.isFull) {
      last = new Segment(last ? last.slots * 2 : FIRST_SLOTS);
      this.#segments.push(last);
    }
    last.add(hash, chunk);
  }

  /** The chunks in which something has this hash, the newest first. */
  find(hash: number): number[] {
    const found: number[] = [];
    for (const segment of this.#segments) segment.find(hash, found);
    return found.length < 2 ? found : [...new Set(found)].sort((a, b) => b - a);
  }

  *hashes(): Generator<number> {
    for (const segment of this.#segments) yield* segment.hashes();
  }
}

/** Open addressing with linear probing: hash and chunk side by side, the chunk plus one so that 0 is free. */
class Segment {
  readonly slots: number;
  readonly #entries: Uint32Array;
  #used = 0;

  constructor(slots: number) {
    this.slots = slots;
    this.#entries = new Uint32Array(slots * 2);
  }

  get isFull(): boolean {
    return this.#used >= this.slots * FULL;
  }

  add(hash: number, chunk: number): void {
    let at = this.#start(hash);
    while (this.#entries[at + 1] !== 0) at = this.#after(at);
    this.#entries[at] = hash;
    this.#entries[at + 1] = chunk + 1;
    this.#used++;
  }

  find(hash: number, found: number[]): void {
    for (let at = this.#start(hash); this.#entries[at + 1] !== 0; at = this.#after(at))
      if (this.#entries[at] === hash) found.push((this.#entries[at + 1] as number) - 1);
  }

  *hashes(): Generator<number> {
    for (let at = 0; at < this.#entries.length; at += 2)
      if (this.#entries[at + 1] !== 0) yield this.#entries[at] as number;
  }

  #start(hash: number): number {
    return (hash & (this.slots - 1)) * 2;
  }

  #after(at: number): number {
    return (at + 2) & (this.slots * 2 - 1);
  }
}
