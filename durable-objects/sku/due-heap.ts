/** Things that fall due, earliest first: a binary heap in two arrays, so that a million entries are not as many objects. */
export class DueHeap<T> {
  readonly #at: number[] = [];
  readonly #items: T[] = [];

  push(at: number, item: T): void {
    let index = this.#at.length;
    this.#at.push(at);
    this.#items.push(item);
    // Holds of one sale last equally long, so a new one is nearly always the latest and stays where it is.
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((this.#at[parent] as number) <= at) break;
      this.#at[index] = this.#at[parent] as number;
      this.#items[index] = this.#items[parent] as T;
      index = parent;
    }
    this.#at[index] = at;
    this.#items[index] = item;
  }

  get size(): number {
    return this.#at.length;
  }

  /** Drops every other entry. */
  keep(counts: (at: number, item: T) => boolean): void {
    const at = this.#at.splice(0);
    const items = this.#items.splice(0);
    for (const [index, item] of items.entries()) {
      const dueAt = at[index] as number;
      if (counts(dueAt, item)) this.push(dueAt, item);
    }
  }

  /** When the earliest is due, or null when there is none. */
  peekAt(): number | null {
    return this.#at[0] ?? null;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  pop(): T | undefined {
    const top = this.#items[0];
    const at = this.#at.pop();
    const item = this.#items.pop();
    if (at !== undefined && this.#at.length > 0) this.#sink(at, item as T);
    return top;
  }

  /** Puts an entry where the popped top was, and lets it sink to its place. */
  #sink(at: number, item: T): void {
    const size = this.#at.length;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && (this.#at[child + 1] as number) < (this.#at[child] as number)) child++;
      if ((this.#at[child] as number) >= at) break;
      this.#at[index] = this.#at[child] as number;
      this.#items[index] = this.#items[child] as T;
      index = child;
    }
    this.#at[index] = at;
    this.#items[index] = item;
  }
}
