import type { Heard, Shot } from "../fixtures/wire.ts";
import type { Shop } from "./shop.ts";

/** Requests that meet inside the server, and what must be so whoever comes first. */
export interface Race {
  readonly name: string;
  run(shop: Shop): Promise<void>;
}

/** A thing that people change at once: how it comes to be as the race begins, and what may be asked of it. */
export interface Arena<T> {
  readonly name: string;
  make(shop: Shop, race: string): Promise<T>;
  /** Each asks anew every time it is called: with a key of its own, or a buyer of its own. */
  readonly moves: Readonly<Record<string, (thing: T, shop: Shop) => Shot | Promise<Shot>>>;
  /** When the last bytes go; at once when left out. */
  at?(thing: T): number;
  /** What else must be so. */
  check?(thing: T, heard: ReadonlyMap<string, readonly Heard[]>, shop: Shop): Promise<void>;
}

/** What must become so and has not after so long never will: a busy machine is no broken law. */
export const PATIENCE_MS = 120_000;

/** Requests of each of two kinds, or twice as many of one. */
const EACH = 3;

/** Every pair of what may be asked of a thing, and each with itself. */
export function pairsOf<T>(arena: Arena<T>): Race[] {
  const names = Object.keys(arena.moves);
  return names.flatMap((one, index) =>
    names.slice(index).map((other) => ({
      name: `${arena.name}: ${one} + ${other}`,
      run: (shop: Shop) => meet(shop, arena, one, other),
    })),
  );
}

async function meet<T>(shop: Shop, arena: Arena<T>, one: string, other: string): Promise<void> {
  const race = `${arena.name}: ${one} + ${other}`;
  const thing = await arena.make(shop, race);
  // Mixed, so that neither kind is always written first.
  const kinds = Array.from({ length: EACH }, (_, n) => (n % 2 === 0 ? [one, other] : [other, one])).flat();
  const shots = await Promise.all(kinds.map(async (kind) => arena.moves[kind]?.(thing, shop)));
  const all = await shop.race(
    race,
    shots.filter((shot) => shot !== undefined),
    arena.at?.(thing),
  );
  const heard = Map.groupBy(all, (_, index) => kinds[index] ?? "");
  await arena.check?.(thing, heard, shop);
}

export function must(so: boolean, what: string, seen: unknown = null): void {
  if (!so) throw new Error(`${what}: ${JSON.stringify(seen)}`);
}

/** What was answered, in short: `201 x1, order_state x2`. */
export const tally = (heard: readonly Heard[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status, body } of heard) {
    const word = status < 300 ? String(status) : String(body?.code ?? status);
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
};

export const exactly = (heard: readonly Heard[], wanted: Record<string, number>): void => {
  const seen = tally(heard);
  const words = new Set([...Object.keys(seen), ...Object.keys(wanted)]);
  must(
    [...words].every((word) => (seen[word] ?? 0) === (wanted[word] ?? 0)),
    `the answers are not ${JSON.stringify(wanted)}`,
    seen,
  );
};

export const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));
