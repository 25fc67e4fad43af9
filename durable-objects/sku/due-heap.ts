/**
 * Things that fall due, earliest first: a binary heap in arrays of numbers, so that a million entries are not as many objects. Each
 * thing has a number there, by which it can be taken out wherever it is.
 */
export class DueHeap<T> {
  /** When, and what, by place in the heap. */
  readonly #at: number[] = [];
  readonly #numbers: number[] = [];
  /** The things and their places, by number. */
  readonly #items: (T | undefined)[] = [];
  readonly #places: number[] = [];
  readonly #free: number[] = [];

  /** Answers with the thing's number. */
  push(at: number, item: T): number {
    const number = this.#free.pop() ?? this.#items.length;
    this.#items[number] = item;
    this.#at.push(at);
    this.#numbers.push(number);
    // Holds of one sale last equally long, so a new one is nearly always the latest and stays where it is.
    this.#rise(this.#at.length - 1, at, number);
    return number;
  }

  /** When the earliest is due, or null when there is none. */
  peekAt(): number | null {
    return this.#at[0] ?? null;
  }

  peek(): T | undefined {
    const number = this.#numbers[0];
    return number === undefined ? undefined : this.#items[number];
  }

  pop(): T | undefined {
    const number = this.#numbers[0];
    return number === undefined ? undefined : this.remove(number);
  }

  /** Takes out what has this number, which may be given again. */
  remove(number: number): T | undefined {
    const item = this.#items[number];
    const place = this.#places[number] as number;
    this.#items[number] = undefined;
    this.#free.push(number);
    const at = this.#at.pop() as number;
    const last = this.#numbers.pop() as number;
    if (last === number) return item;
    // The last one takes its place, and goes on to its own.
    if (place > 0 && (this.#at[(place - 1) >> 1] as number) > at) this.#rise(place, at, last);
    else this.#sink(place, at, last);
    return item;
  }

  #rise(from: number, at: number, number: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((this.#at[parent] as number) <= at) break;
      this.#put(place, this.#at[parent] as number, this.#numbers[parent] as number);
      place = parent;
    }
    this.#put(place, at, number);
  }

  #sink(from: number, at: number, number: number): void {
    const size = this.#at.length;
    let place = from;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && (this.#at[child + 1] as number) < (this.#at[child] as number)) child++;
      if ((this.#at[child] as number) >= at) break;
      this.#put(place, this.#at[child] as number, this.#numbers[child] as number);
      place = child;
    }
    this.#put(place, at, number);
  }

  #put(place: number, at: number, number: number): void {
    this.#at[place] = at;
    this.#numbers[place] = number;
    this.#places[number] = place;
  }
}
