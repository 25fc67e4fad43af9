/** What a world is called: lists of words, in which only what is equal stands alike. */
export type Name = Word | readonly Name[];
type Word = string | number | boolean | null | undefined;

const BEGIN = 1;
const END = 2;
const FIRST_WORD = 3;
/** Multipliers of MurmurHash3 (public domain) and of FNV-1a. */
const MURMUR_1 = 0xcc9e2d51;
const MURMUR_2 = 0x1b873593;
const MURMUR_ADD = 0xe6546b64;
const FNV_PRIME = 0x01000193;
const FNV_START = 0x811c9dc5;

const turned = (bits: number, by: number): number => (bits << by) | (bits >>> (32 - by));

/**
 * Gives names numbers, in the order in which they are met: 0, 1, 2. A name is known by two independent 32-bit hashes: of ten
 * million worlds two share both once in four hundred thousand runs.
 */
export class Names {
  readonly #words = new Map<Word, number>();
  #high = 0;
  #low = 0;
  #size = 0;
  #highs = new Int32Array(1 << 16);
  #lows = new Int32Array(1 << 16);
  /** A name's number, and one, where its hash has its place or the next free one after it; half of the places stay free. */
  #places = new Int32Array(1 << 17);

  get size(): number {
    return this.#size;
  }

  /** The number of what has these names, all equally good, or -1. */
  find(names: readonly Name[]): number {
    this.#hashLeast(names);
    return (this.#places[this.#placeOf(this.#high, this.#low)] ?? 0) - 1;
  }

  /** The number of what was looked for last, which had none. */
  add(): number {
    if (this.#size === this.#highs.length) this.#grow();
    this.#highs[this.#size] = this.#high;
    this.#lows[this.#size] = this.#low;
    this.#places[this.#placeOf(this.#high, this.#low)] = ++this.#size;
    return this.#size - 1;
  }

  /** Of several names the one whose hash is the least counts, whichever is said first. */
  #hashLeast(names: readonly Name[]): void {
    let high = Infinity;
    let low = Infinity;
    for (const name of names) {
      this.#high = FNV_START | 0;
      this.#low = 0;
      this.#hash(name);
      if (this.#high > high || (this.#high === high && this.#low >= low)) continue;
      high = this.#high;
      low = this.#low;
    }
    this.#high = high;
    this.#low = low;
  }

  #hash(name: Name): void {
    if (typeof name !== "object" || name === null) return this.#mix(this.#numberOf(name));
    this.#mix(BEGIN);
    for (const part of name) this.#hash(part);
    this.#mix(END);
  }

  #mix(number: number): void {
    this.#high = Math.imul(this.#high ^ number, FNV_PRIME);
    this.#high ^= this.#high >>> 15;
    const bits = Math.imul(turned(Math.imul(number, MURMUR_1), 15), MURMUR_2);
    this.#low = (Math.imul(turned(this.#low ^ bits, 13), 5) + MURMUR_ADD) | 0;
  }

  #numberOf(word: Word): number {
    let number = this.#words.get(word);
    if (number === undefined) this.#words.set(word, (number = FIRST_WORD + this.#words.size));
    return number;
  }

  /** Where this hash stands, or would. */
  #placeOf(high: number, low: number): number {
    const mask = this.#places.length - 1;
    let place = Math.imul(high ^ turned(low, 16), MURMUR_1);
    place = (place ^ (place >>> 15)) & mask;
    for (;;) {
      const number = (this.#places[place] ?? 0) - 1;
      if (number < 0 || (this.#highs[number] === high && this.#lows[number] === low)) return place;
      place = (place + 1) & mask;
    }
  }

  #grow(): void {
    const twice = (values: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const more = new Int32Array(values.length * 2);
      more.set(values);
      return more;
    };
    this.#highs = twice(this.#highs);
    this.#lows = twice(this.#lows);
    this.#places = new Int32Array(this.#places.length * 2);
    for (let number = 0; number < this.#size; number++)
      this.#places[this.#placeOf(this.#highs[number] ?? 0, this.#lows[number] ?? 0)] = number + 1;
  }
}
