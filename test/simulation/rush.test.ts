import { expect, test } from "vitest";
import { RushSimulation, type Rush } from "../bench/plan/rush.ts";

const rush = (change: Partial<Rush> = {}): Rush => ({
  buyers: 20_000,
  stock: 500,
  gates: 4,
  windowMs: 1_000,
  isolates: 20,
  gateMs: 1,
  hopMs: 2,
  batchMs: 0.45,
  holdMs: 0.013,
  seed: 1,
  ...change,
});
const live = (change: Partial<Rush> = {}) => new RushSimulation(rush(change)).run();

test.for([
  {},
  { gates: 1 },
  { gates: 64 },
  { stock: 1 },
  { stock: 50_000 },
  { windowMs: 1 },
  { isolates: 1 },
  { buyers: 1 },
])("a planned rush %j sells what there is, and answers everybody once", (change) => {
  const { buyers, stock } = rush(change);
  const { sold, refused, refusedAtEdge, soldOutMs } = live(change);
  expect(sold).toBe(Math.min(buyers, stock));
  expect(sold + refused + refusedAtEdge).toBe(buyers);
  expect(soldOutMs === null).toBe(stock > buyers);
});

test("the same plan always comes out the same, and another seed only a little different", () => {
  expect(live()).toEqual(live());
  const other = live({ seed: 2 });
  expect(other).not.toEqual(live());
  expect(Math.abs((other.soldOutMs ?? 0) / (live().soldOutMs ?? 1) - 1)).toBeLessThan(0.2);
});

test("a sale sells out as fast as its gates take requests, until the SKU is the limit", () => {
  const few = live({ buyers: 100_000, stock: 4_000, gates: 4 }).soldOutMs ?? 0;
  expect(Math.abs(few / 1_000 - 1)).toBeLessThan(0.1);
  const many = live({ buyers: 100_000, stock: 40_000, gates: 64, gateMs: 0.001 }).soldOutMs ?? 0;
  expect(many).toBeGreaterThan(40_000 * 0.013);
});
