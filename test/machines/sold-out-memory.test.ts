import { expect, test } from "vitest";
import { SoldOutMemory } from "../../durable-objects/gate/sold-out-memory.ts";
import { soldOutOf } from "../../schema/sold-out.ts";

const SKU = "lamp0000";
const SOLD_OUT = soldOutOf(1, 3, []);

/** Somebody whom the SKU has refused, so many at once; answers with how many of them have asked what is free. */
async function refused(memory: SoldOutMemory, now: number, count: number): Promise<number> {
  let asked = 0;
  const learning = Array.from({ length: count }, () =>
    memory.learn(SKU, now, async () => {
      asked++;
      return SOLD_OUT;
    }),
  );
  await Promise.all(learning);
  return asked;
}

test.each([
  ["was never known to be sold out", 0, 1],
  ["was, a second and more ago", 1_000, 1],
  ["is, and for so short a time that nobody asks", 799, 0],
])("of many who are refused at once by a SKU that %s, one asks or none", async (_, afterMs, asks) => {
  const memory = new SoldOutMemory();
  if (afterMs > 0) await refused(memory, 10_000, 1);
  expect(await refused(memory, 10_000 + afterMs, 50)).toBe(asks);
});

test("what is known is said for less than a second, and somebody asks again before", async () => {
  const memory = new SoldOutMemory();
  await refused(memory, 10_000, 1);
  expect(memory.recall(SKU, "ann", 10_799)).toEqual({ held: 3 });
  expect(memory.recall(SKU, "ann", 10_900)).toBeNull();
  expect(memory.recall(SKU, "bob", 10_999)).toEqual({ held: 3 });
  expect(memory.recall(SKU, "bob", 11_000)).toBeNull();
});
