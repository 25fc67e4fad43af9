import { describe, expect, test } from "vitest";
import { holdMany, holdsOf, textOfAnswers } from "../../schema/hold-batch.ts";
import type { HoldAnswer, HoldRequest } from "../../schema/sku.ts";
import { configOf, holding, HOLD_MS, OPENS, orderOf, World } from "../machines/sku-world.ts";

const shade = { sku: "shade", name: "Shade", quantity: 2, unitPrice: { amount: 50, currency: "CNY" } };

/** What a batch is asked and what is answered, with a copy in text between the two. */
function worldOf(stock: number) {
  const world = new World(stock, { perBuyerMax: 5 });
  const asked: HoldRequest[] = [];
  const direct: HoldAnswer[] = [];
  const sku = {
    async holdMany(batch: string): Promise<string> {
      const requests = holdsOf(batch);
      asked.push(...requests);
      const commands = requests.map((request) => ({ type: "hold" as const, request }));
      const answers = world.askAll(commands) as HoldAnswer[];
      direct.push(...answers);
      return textOfAnswers(answers);
    },
  };
  return { world, sku, asked, direct };
}

const requests: Record<string, HoldRequest> = {
  "of an order of one line": holding({ n: 1, buyer: "ann" }),
  "of two units": holding({ n: 2, buyer: "bob", quantity: 2 }),
  "the second time": holding({ n: 1, buyer: "ann" }),
  "with a key used for something else": holding({ n: 1, buyer: "ann", home: { fingerprint: "g" } }),
  "of an order with lines elsewhere": holding({
    n: 3,
    buyer: "cid",
    home: { others: [shade], othersHeldUntil: OPENS + 5_000 },
  }),
  "that ends with the lines elsewhere": holding({
    n: 4,
    buyer: "dan",
    home: { othersHeldUntil: OPENS + 5_000 },
  }),
  "of a part of an order": holding({ n: 5, buyer: "eve", home: null }),
  "in another sale": holding({ n: 6, buyer: "fay", sale: "other" }),
  "by a buyer with a name that JSON must escape": holding({ n: 7, buyer: 'gus"\n灯' }),
  "of more than a buyer may have": holding({ n: 8, buyer: "hal", quantity: 6 }),
  "of more than there is": holding({ n: 9, buyer: "ivy", quantity: 5 }),
};

describe("a batch of holds, as text there and back, is asked and answered word for word", () => {
  test.each(Object.entries(requests))("for a hold %s", async (_, request) => {
    const first = requests["of an order of one line"] as HoldRequest;
    const { sku, asked, direct } = worldOf(8);
    const answers = await holdMany(sku, [first, request]);
    expect(asked).toEqual([first, request]);
    expect(answers).toEqual(direct);
  });

  test("for all of them, in their order, and for none", async () => {
    const { sku, asked, direct } = worldOf(8);
    const all = Object.values(requests);
    expect(await holdMany(sku, all)).toEqual(direct);
    expect(asked).toEqual(all);
    expect(await holdMany(sku, [])).toEqual([]);
  });

  test("when the price changes between two of them", async () => {
    const { world } = worldOf(8);
    const [one, two] = [holding({ n: 1, buyer: "ann" }), holding({ n: 2, buyer: "bob" })];
    let answers: HoldAnswer[] = [];
    const sku = {
      async holdMany(batch: string): Promise<string> {
        const [first, second] = holdsOf(batch).map((request) => ({ type: "hold" as const, request }));
        const config = configOf({ price: { amount: 5, currency: "CNY" }, perBuyerMax: 5 });
        if (!first || !second) throw new Error("two were asked for");
        const all = world.askAll([first, { type: "configure", config, stock: 0 }, second]);
        answers = [all[0], all[2]] as HoldAnswer[];
        return textOfAnswers(answers);
      },
    };
    expect(await holdMany(sku, [one, two])).toEqual(answers);
    expect(answers).toMatchObject([
      { value: { placement: { order: orderOf(1), amount: { amount: 19_900 }, payBy: OPENS + HOLD_MS } } },
      { value: { placement: { order: orderOf(2), amount: { amount: 5 } } } },
    ]);
  });
});
