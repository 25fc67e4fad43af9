import { hashOf } from "../../schema/sold-out.ts";

/** Places of an empty table: a power of two, as all sizes are. */
const FIRST_PLACES = 16;
/** A table this full is replaced by one twice as large: fuller, and a look-up would walk. */
const FULL = 0.5;
const NOWHERE = -1;

/**
 * A map by text, for hundreds of thousands of texts that come from outside: an order, a buyer. Unlike a `Map` it keeps each text's hash
 * in its table, so that nothing is read but what is looked for: another text that shares its place is not fetched from memory to
 * be compared, and a larger table is filled without looking at any text again. Nobody who chooses texts knows its hashes.
 */
export class TextMap<V> {
  /** Open addressing with linear probing: a hash, and the number of its entry plus one so that 0 is free. */
  #table = new Int32Array(FIRST_PLACES * 2);
  readonly #keys: (string | undefined)[] = [];
  readonly #values: (V | undefined)[] = [];
  /** Numbers of entries that may be given again. */
  readonly #free: number[] = [];
  #size = 0;
  readonly #seed = Math.floor(Math.random() * 2 ** 32) | 0;
  /** One decision asks for the same text several times: it is looked for once. Where it is may have changed: then it is `NOWHERE`. */
  #lastKey = "";
  #lastHash = hashOf("", this.#seed) | 0;
  #lastAt = NOWHERE;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const number = this.#table[this.#find(key) + 1] as number;
    return number === 0 ? undefined : this.#values[number - 1];
  }

  set(key: string, value: V): void {
    const at = this.#find(key);
    const known = this.#table[at + 1] as number;
    if (known !== 0) {
      this.#values[known - 1] = value;
      return;
    }
    const number = this.#free.pop() ?? this.#keys.length;
    this.#keys[number] = key;
    this.#values[number] = value;
    this.#table[at] = this.#lastHash;
    this.#table[at + 1] = number + 1;
    this.#size++;
    if (this.#size * 2 > this.#table.length * FULL) this.#grow();
  }

  delete(key: string): void {
    const at = this.#find(key);
    const number = (this.#table[at + 1] as number) - 1;
    if (number < 0) return;
    this.#keys[number] = undefined;
    this.#values[number] = undefined;
    this.#free.push(number);
    this.#size--;
    this.#close(at);
  }

  /** In the order in which they came, but that whatever came after something was deleted may be in its place. */
  *values(): Generator<V> {
    for (let number = 0; number < this.#keys.length; number++)
      if (this.#keys[number] !== undefined) yield this.#values[number] as V;
  }

  /** Where a text is in the table, or where it would be. */
  #find(key: string): number {
    if (key !== this.#lastKey) {
      this.#lastKey = key;
      this.#lastHash = hashOf(key, this.#seed) | 0;
    } else if (this.#lastAt !== NOWHERE) return this.#lastAt;
    const table = this.#table;
    const hash = this.#lastHash;
    let at = this.#start(hash);
    for (let number = table[at + 1] as number; number !== 0; number = table[at + 1] as number) {
      if (table[at] === hash && this.#keys[number - 1] === key) break;
      at = this.#after(at);
    }
    this.#lastAt = at;
    return at;
  }

  /** Nothing is left free between an entry and the place where a look-up begins to walk towards it. */
  #close(from: number): void {
    this.#lastAt = NOWHERE;
    const table = this.#table;
    let hole = from;
    for (let at = this.#after(from); table[at + 1] !== 0; at = this.#after(at)) {
      const start = this.#start(table[at] as number);
      if (this.#distance(start, at) < this.#distance(hole, at)) continue;
      table[hole] = table[at] as number;
      table[hole + 1] = table[at + 1] as number;
      hole = at;
    }
    table[hole + 1] = 0;
  }

  #grow(): void {
    this.#lastAt = NOWHERE;
    const old = this.#table;
    const table = (this.#table = new Int32Array(old.length * 2));
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let at = this.#start(old[from] as number);
      while (table[at + 1] !== 0) at = this.#after(at);
      table[at] = old[from] as number;
      table[at + 1] = old[from + 1] as number;
    }
  }

  /** The high bits of a hash have seen every character, the low ones only the low bits of each. */
  #start(hash: number): number {
    return ((hash ^ (hash >>> 16)) * 2) & (this.#table.length - 1);
  }

  #after(at: number): number {
    return (at + 2) & (this.#table.length - 1);
  }

  #distance(from: number, to: number): number {
    return (to - from) & (this.#table.length - 1);
  }
}
