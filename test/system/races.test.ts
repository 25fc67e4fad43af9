import { expect, test } from "vitest";
import { runPack } from "../races/pack.ts";

/** Beside other work on a small machine; by itself it takes a fifth of it. */
const MS_MAX = 300_000;

test(
  "whatever is asked at the same instant, nothing is sold, paid or given back twice, and every pair was tried",
  async () => {
    const { failures, unraced, races } = await runPack({ rounds: 1, refunds: 20, tell: () => {} });
    expect(failures).toEqual([]);
    expect(unraced).toEqual([]);
    expect(races).toBeGreaterThan(250);
  },
  MS_MAX,
);
