import { expect, test } from "vitest";
import { enter, LINE_MS_MAX } from "../../durable-objects/turnstile/machine.ts";

/** Everybody's turn, when they come at these times. */
function turns(perSecond: number, arrivals: readonly number[]): (number | null)[] {
  let line = 0;
  return arrivals.map((now) => {
    const entered = enter(line, perSecond, now);
    line = entered?.nextAt ?? line;
    return entered && entered.at - now;
  });
}

test("whoever comes alone is let in at once", () => {
  expect(turns(20, [1_000, 1_050, 1_100, 5_000])).toEqual([0, 0, 0, 0]);
});

test("a crowd is let in one by one, in the order it came, and nobody twice at a time", () => {
  const waits = turns(20, Array<number>(100).fill(1_000));
  expect(waits.slice(0, 4)).toEqual([0, 50, 100, 150]);
  expect(waits.at(-1)).toBe(99 * 50);
});

test("no second lets in more than it may, whenever people come", () => {
  const arrivals = Array.from({ length: 2_000 }, (_, n) => 1_000 + Math.floor((n * n) / 700));
  const at = turns(25, arrivals).map((wait, n) => (wait ?? Number.NaN) + (arrivals[n] ?? 0));
  for (const [n, from] of at.entries())
    expect(at.slice(n).filter((moment) => moment < from + 1_000).length).toBeLessThanOrEqual(26);
});

test("a line that is too long takes nobody, and loses nobody's turn", () => {
  const waits = turns(1, Array<number>(700).fill(0));
  expect(waits.filter((wait) => wait === null)).toHaveLength(700 - LINE_MS_MAX / 1_000 - 1);
  expect(turns(1, [0, 0, 3_000])).toEqual([0, 1_000, 0]);
});
