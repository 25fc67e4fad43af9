import { chanceOf } from "../chance.ts";
import { ARCHIVING, type Archiving } from "../../durable-objects/sku/leaving.ts";
import type { Fault } from "./faults.ts";

/** When every world begins, epoch ms, and how far worlds of one process are apart: what the Worker remembers of one is too old for the next. */
const BEGINNING = 1_750_000_000_000;
const APART_MS = 10 * 24 * 3_600_000;
/** How much a fault is more or less frequent in one world than on an average day. */
const RATE_MAX = 2.6;
const SOON: Archiving = { chunkFacts: 4, finishedMax: 12, afterMs: 30_000 };
const ARCHIVES_SOON = 0.3;
/** Faults that one world does not know at all. */
const SPARED = 0.35;

/**
 * How much of a world is real. In a whole one the Worker's own code runs between the objects; in a light one their machines are
 * asked by a few decisions of our own, without promises, text and SQL: ten worlds in the time of one, with the same faults and laws.
 */
export type Depth = "whole" | "light";

/** Which worlds are whole, and in which of those D1 is a real SQLite: every so many-th seed. */
export interface Depths {
  readonly wholeEvery: number;
  readonly sqlEvery: number;
}
export const USUAL: Depths = { wholeEvery: 100, sqlEvery: 1_000 };

/** What one world is like, all of it from its seed. */
export interface Weather {
  readonly seed: number;
  readonly beganAt: number;
  readonly skus: readonly {
    readonly name: string;
    readonly stock: number;
    readonly price: number;
    readonly gates: number;
  }[];
  readonly buyers: number;
  readonly perBuyerMax: number;
  readonly holdMs: number;
  /** Buyers come within so long. */
  readonly rushMs: number;
  /** From then on nothing goes wrong any more, from the beginning of the world. */
  readonly healedMs: number;
  readonly deploysMs: readonly number[];
  /** When D1 is down; null when it never is. */
  readonly d1Down: { readonly fromMs: number; readonly untilMs: number } | null;
  readonly snapshotEvents: number;
  /** When what is finished leaves a SKU's memory: in some worlds at once and in small pieces, as in a sale of days. */
  readonly archiving: Archiving;
  readonly depth: Depth;
  /** Whether D1's copy of the orders is made by the real statements, which takes a hundred times as long. */
  readonly isSqlReal: boolean;
  /** Whether buyers look at their orders in the end, which wakes what had been forgotten. */
  readonly buyersComeBack: boolean;
  rateOf(fault: Fault, rate: number): number;
}

/** @param nth which world of this process it is. */
export function weatherOf(seed: number, nth: number, { wholeEvery, sqlEvery }: Depths): Weather {
  const chance = chanceOf(seed);
  const pick = (below: number): number => Math.floor(chance() * below);
  const buyers = 150 + pick(300);
  const skus = Array.from({ length: 1 + pick(3) }, (_, index) => ({
    name: `lamp-${seed}-${index}`,
    stock: Math.max(1, pick(Math.floor(buyers * (chance() < 0.6 ? 0.8 : 2)))),
    price: 100 + pick(10_000),
    gates: chance() < 0.25 ? 1 + pick(2) : 0,
  }));
  const holdMs = [60_000, 300_000, 600_000][pick(3)] ?? 60_000;
  const d1Down = downOf(chance(), chance());
  const rushMs = [300, 3_000, 30_000][pick(3)] ?? 3_000;
  const healedMs = rushMs + holdMs + pick(d1Down ? 120_000 : 1_200_000);
  const rates = new Map<string, number>();
  const isCalm = chance() < 0.03;
  return {
    seed,
    beganAt: BEGINNING + nth * APART_MS,
    skus,
    buyers,
    perBuyerMax: 1 + pick(3),
    holdMs,
    rushMs,
    healedMs,
    deploysMs: isCalm ? [] : Array.from({ length: pick(3) }, () => pick(healedMs)),
    d1Down: d1Down && d1Down(healedMs),
    snapshotEvents: 50 + pick(600),
    archiving: chance() < ARCHIVES_SOON ? SOON : ARCHIVING,
    depth: seed % wholeEvery === 0 ? "whole" : "light",
    isSqlReal: seed % sqlEvery === 0,
    buyersComeBack: chance() < 0.5,
    rateOf(fault, rate) {
      let times = rates.get(fault);
      if (times === undefined)
        rates.set(fault, (times = isCalm || chance() < SPARED ? 0 : chance() * RATE_MAX));
      return rate * times;
    },
  };
}

/** Seldom, since much is tried again and again meanwhile: such a world takes as long as ten others. */
function downOf(kind: number, at: number): ((healedMs: number) => NonNullable<Weather["d1Down"]>) | null {
  if (kind < 0.02) return (healedMs) => ({ fromMs: 0, untilMs: healedMs });
  if (kind > 0.06) return null;
  return (healedMs) => {
    const fromMs = Math.floor(at * healedMs);
    return { fromMs, untilMs: Math.min(healedMs, fromMs + 60_000 + Math.floor(at * 300_000)) };
  };
}
