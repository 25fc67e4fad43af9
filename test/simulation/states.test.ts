import { expect, test } from "vitest";
import { firstPair, ONE, TWO } from "../checker/pair.ts";
import { Search } from "../checker/search.ts";
import { firstWorld, type Budget } from "../checker/world.ts";

/** The short form of `npm run check:states`. */
const none: Budget = { payments: 1, cancels: 0, refunds: 0, losses: 0, repeats: 0, refusals: 0 };

test.for([
  ["one payment", {}],
  ["one payment, and somebody changes their mind", { cancels: 1, refunds: 1 }],
  ["one payment, and a message is lost", { losses: 1, cancels: 1, refunds: 1 }],
  ["one payment, and a message comes again", { repeats: 1, cancels: 1, refunds: 1 }],
  ["one payment, and the provider refuses", { refusals: 1, refunds: 1 }],
  ["two payments", { payments: 2 }],
] as const)("%s: no law is broken in any world, and each can come to rest", ([, bounds]) => {
  const { violation, cut, quiet } = new Search(ONE, 200_000).run(firstWorld({ ...none, ...bounds }));
  expect(violation).toBeNull();
  expect(cut).toBe(false);
  expect(quiet).toBeGreaterThan(10);
});

test("a search that is cut short says so", () => {
  expect(new Search(ONE, 100).run(firstWorld(none))).toMatchObject({
    states: 100,
    cut: true,
    violation: null,
  });
});

test.for([
  ["one payment", {}],
  ["a payment each", { payments: 2 }],
] as const)(
  "two orders on one unit, %s: no law is broken in any world, and each can come to rest",
  ([, bounds]) => {
    const { violation, cut, quiet } = new Search(TWO, 200_000).run(firstPair({ ...none, ...bounds }));
    expect(violation).toBeNull();
    expect(cut).toBe(false);
    expect(quiet).toBeGreaterThan(10);
  },
);
