import { Names, type Name } from "./names.ts";

/** What a kind of world is to the search. */
export interface Rules<World> {
  /** Everything that may happen next, in words, and the worlds it leads to. */
  readonly movesFrom: (world: World) => Iterable<readonly [what: string, world: World]>;
  /** What is wrong with it, or null. */
  readonly brokenLaw: (world: World) => string | null;
  /** Whether nothing will happen any more by itself. */
  readonly isQuiet: (world: World) => boolean;
  /** What a world may be called. Worlds that have a name in common are one: nothing can tell between them. */
  readonly namesOf: (world: World) => readonly Name[];
}

/** A world where a law is broken, and the shortest way to it. */
export interface Violation {
  readonly law: string;
  readonly trace: readonly string[];
}

export interface Checked {
  readonly states: number;
  readonly moves: number;
  readonly quiet: number;
  readonly violation: Violation | null;
  /** True when the limit of states was reached before everything had been seen. */
  readonly cut: boolean;
}

/** A list of small numbers that may grow very long. */
class Numbers {
  #values = new Uint32Array(1 << 20);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const more = new Uint32Array(this.#values.length * 2);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index] ?? 0;
  }
}

/** Sees every world that can be reached, nearest first, and then whether each of them has a quiet end ahead. */
export class Search<World> {
  readonly #known = new Names();
  readonly #parents = new Numbers();
  readonly #labels = new Numbers();
  readonly #words: string[] = [];
  readonly #wordNumbers = new Map<string, number>();
  readonly #from = new Numbers();
  readonly #to = new Numbers();
  readonly #quiet: number[] = [];
  readonly #rules: Rules<World>;
  readonly #limit: number;
  #violation: Violation | null = null;

  constructor(rules: Rules<World>, limit: number) {
    this.#rules = rules;
    this.#limit = limit;
  }

  /** @param progress is told every now and then how many worlds are known, and how many wait to be looked at. */
  run(first: World, progress: (states: number, waiting: number) => void = () => undefined): Checked {
    let waiting: World[] = [];
    let ahead: World[] = [];
    this.#meet(first, 0, "the order is placed", ahead);
    let number = 0;
    while (ahead.length > 0 && !this.#violation) {
      [waiting, ahead] = [ahead, []];
      for (const [index, world] of waiting.entries()) {
        this.#expand(world, number++, ahead);
        if (this.#violation) break;
        if (number % 100_000 === 0) progress(this.#known.size, waiting.length - index + ahead.length);
      }
    }
    const cut = this.#known.size >= this.#limit;
    if (!this.#violation && !cut) this.#checkEnds();
    const states = this.#known.size;
    return { states, moves: this.#from.length, quiet: this.#quiet.length, violation: this.#violation, cut };
  }

  #expand(world: World, number: number, ahead: World[]): void {
    if (this.#rules.isQuiet(world)) this.#quiet.push(number);
    const law = this.#rules.brokenLaw(world);
    if (law) {
      this.#violation = { law, trace: this.#traceOf(number) };
      return;
    }
    // A machine that refuses to go on is a violation like any other.
    try {
      for (const [what, next] of this.#rules.movesFrom(world)) this.#meet(next, number, what, ahead);
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      this.#violation = { law: said, trace: this.#traceOf(number) };
    }
  }

  #meet(world: World, parent: number, what: string, ahead: World[]): void {
    let number = this.#known.find(this.#rules.namesOf(world));
    if (number < 0) {
      if (this.#known.size >= this.#limit) return;
      number = this.#known.add();
      this.#parents.push(parent);
      this.#labels.push(this.#numberOf(what));
      ahead.push(world);
    }
    this.#from.push(parent);
    this.#to.push(number);
  }

  #numberOf(word: string): number {
    let number = this.#wordNumbers.get(word);
    if (number === undefined) {
      this.#wordNumbers.set(word, (number = this.#words.length));
      this.#words.push(word);
    }
    return number;
  }

  #traceOf(number: number): string[] {
    const trace: string[] = [];
    for (let at = number; ; at = this.#parents.at(at)) {
      trace.push(this.#words[this.#labels.at(at)] ?? "");
      if (at === 0) return trace.toReversed();
    }
  }

  /** Walks back from every quiet world: whoever is not met can never come to rest. */
  #checkEnds(): void {
    const size = this.#known.size;
    const starts = new Uint32Array(size + 1);
    for (let edge = 0; edge < this.#to.length; edge++) {
      const to = this.#to.at(edge);
      starts[to + 1] = (starts[to + 1] ?? 0) + 1;
    }
    for (let at = 0; at < size; at++) starts[at + 1] = (starts[at + 1] ?? 0) + (starts[at] ?? 0);
    const next = starts.slice();
    const before = new Uint32Array(this.#to.length);
    for (let edge = 0; edge < this.#to.length; edge++) {
      const to = this.#to.at(edge);
      const place = next[to] ?? 0;
      before[place] = this.#from.at(edge);
      next[to] = place + 1;
    }
    const rests = new Uint8Array(size);
    const queue = [...this.#quiet];
    for (const world of queue) rests[world] = 1;
    for (let world = queue.pop(); world !== undefined; world = queue.pop())
      for (let at = starts[world] ?? 0; at < (starts[world + 1] ?? 0); at++) {
        const earlier = before[at] ?? 0;
        if (rests[earlier]) continue;
        rests[earlier] = 1;
        queue.push(earlier);
      }
    const stuck = rests.indexOf(0);
    if (stuck >= 0)
      this.#violation = { law: "from here it never comes to rest", trace: this.#traceOf(stuck) };
  }
}
