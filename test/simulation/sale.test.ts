import { expect, test } from "vitest";
import { EVERYTHING, live } from "../sim/sale.ts";
import { neverSeen } from "../sim/sometimes.ts";
import { Tally } from "../sim/tally.ts";

/** The short form of `npm run sim`. In one of these sales D1 is a real SQLite, and some are there for what seldom happens. */
const SALES = 60;
const RARE = [66, 90];
const DEPTHS = { wholeEvery: 5, sqlEvery: 40 };
const ARGUMENTS = `--whole-every ${DEPTHS.wholeEvery} --sql-every ${DEPTHS.sqlEvery}`;
const only = process.env["SEED"];
const seeds = only ? [Number(only)] : [...Array.from({ length: SALES }, (_, index) => index + 1), ...RARE];

test(
  "sales in which everything goes wrong that can come to rest, and no law is broken",
  { timeout: 300_000 },
  async () => {
    const tally = new Tally();
    for (const seed of seeds) {
      const lived = await live(seed, EVERYTHING, DEPTHS);
      expect(lived.violation, `SEED=${seed} npm run sim -- ${ARGUMENTS} shortens it`).toBeNull();
      tally.add(lived);
    }
    if (only) return;
    expect(neverSeen(new Map(Object.entries(tally.seen)))).toEqual([]);
    expect(tally.faultCount).toBeGreaterThan(6 * tally.orders);
    expect(Math.min(tally.depths.whole.worlds, tally.depths.light.worlds)).toBeGreaterThan(10);
  },
);

test.each(["whole", "light"] as const)(
  "the same seed is the same %s sale, whatever was lived before",
  async (depth) => {
    const depths = { wholeEvery: depth === "whole" ? 1 : Infinity, sqlEvery: Infinity };
    const [one, two] = [await live(31_900, EVERYTHING, depths), await live(31_900, EVERYTHING, depths)];
    await live(11, EVERYTHING, depths);
    const three = await live(31_900, EVERYTHING, depths);
    expect(one.depth).toBe(depth);
    expect(one.injected.length).toBeGreaterThan(100);
    for (const again of [two, three]) {
      expect(again.injected).toEqual(one.injected);
      expect(again.digest).toBe(one.digest);
    }
  },
);
