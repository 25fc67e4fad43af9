import { env } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import { apply } from "../../durable-objects/sku/machine.ts";
import { emptyState, type SkuState } from "../../durable-objects/sku/state.ts";
import { viewOfHold } from "../../durable-objects/sku/views.ts";
import type { SkuApi } from "../../schema/actors.ts";
import { orderIdOf, skuNumberOf, type OrderId } from "../../schema/ids.ts";
import { unreachable } from "../../schema/result.ts";
import { Sku } from "../actors/sku-fixture.ts";
import { isAnswered } from "../fixtures/order-actor.ts";
import { poison, wholesome } from "./poison.ts";
import { liveAlike, STARTS, type Twins } from "./twins.ts";

/** A SKU in the real runtime beside its machine: the same is asked of both, and both must answer alike and be alike. */

const ORDERS = 5;
const HOLD_MS = 60_000;

afterEach(() => {
  vi.useRealTimers();
});

interface Model {
  state: SkuState;
  now: number;
}

interface Real {
  readonly sku: Sku;
}

/** A fresh one each time: a stub that has seen its object die stays broken. */
const stubOf = ({ id }: Sku) => env.SKU.getByName(skuNumberOf(id));

const orderOf = (sku: Sku, n: number): OrderId => {
  const chance = new Uint8Array(5);
  chance[4] = n;
  return orderIdOf(skuNumberOf(sku.id), STARTS, chance);
};

/** What can be asked, with numbers where a SKU's own names will stand. */
type Ask =
  | { type: "hold"; n: number; quantity: number; key: number | null }
  | { type: "claim" | "commit" | "unbind"; n: number; take: number }
  | { type: "release" | "retake"; n: number; take: number }
  | { type: "restock"; key: number; delta: number }
  | { type: "bind"; n: number; key: number };

function commandOf({ sku }: Real, ask: Ask, now: number): SkuCommand {
  const buyer = "n" in ask ? `b${ask.n % 3}` : "";
  const order = orderOf(sku, "n" in ask ? ask.n : 0);
  switch (ask.type) {
    case "hold": {
      const home =
        ask.key === null ? null : { key: `k${ask.key}`, fingerprint: "f", others: [], othersHeldUntil: null };
      return { type: "hold", request: { order, buyer, sale: "sale", quantity: ask.quantity, home } };
    }
    case "claim":
      return { type: "claim", request: { order, until: now + HOLD_MS } };
    case "commit":
      return { type: "commit", move: { order, buyer, take: ask.take, quantity: 1 } };
    case "release":
      return { type: "release", move: { order, buyer, take: ask.take, quantity: 1 }, reason: "cancelled" };
    case "retake":
      return { type: "retake", move: { order, buyer, take: ask.take, quantity: 1 }, until: now + HOLD_MS };
    case "restock":
      return {
        type: "restock",
        request: { key: `r${ask.key}`, fingerprint: "f", delta: ask.delta, reason: "count" },
      };
    case "bind":
      return {
        type: "bind",
        request: { buyer, key: `k${ask.key}`, fingerprint: "f", order, supersedes: null },
      };
    case "unbind":
      return { type: "unbind", buyer, key: `k${ask.take}`, order };
    default:
      return unreachable(ask);
  }
}

function callOf(api: SkuApi, command: SkuCommand): Promise<unknown> {
  switch (command.type) {
    case "configure":
      return api.configure(command.config, command.stock);
    case "hold":
      return api.hold(command.request);
    case "claim":
      return api.claim(command.request);
    case "commit":
      return api.commit(command.move);
    case "release":
      return api.release(command.move, command.reason);
    case "retake":
      return api.retake(command.move, command.until);
    case "restock":
      return api.restock(command.request);
    case "bind":
      return api.bindKey(command.request);
    case "unbind":
      return api.unbindKey(command);
    case "look":
      return "order" in command ? api.find(command.order) : api.holdsOf(command.buyer);
    default:
      return unreachable(command);
  }
}

/** A restock's and a configuration's answers carry a view of the SKU, which is compared by itself. */
const plain = (command: SkuCommand, answer: unknown): unknown => {
  if (command.type === "unbind") return null;
  const { ok, value, error } = answer as { ok: boolean; value?: { replayed?: boolean }; error?: unknown };
  return command.type === "restock" ? [ok, value?.replayed, error] : answer;
};

const nth = fc.nat(ORDERS - 1);
const take = fc.integer({ min: 1, max: 3 });
const ask: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("hold" as const),
      n: nth,
      quantity: fc.integer({ min: 1, max: 2 }),
      key: fc.option(fc.nat(2)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("claim", "commit", "release", "retake", "unbind" as const),
      n: nth,
      take,
    }) as fc.Arbitrary<Ask>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("restock" as const),
      key: fc.nat(2),
      delta: fc.integer({ min: -2, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("bind" as const), n: nth, key: fc.nat(2) }) },
);

const twins: Twins<Model, Real, Ask> = {
  ask,
  waitMsMax: 2 * HOLD_MS,
  table: "journal",
  hasTable: () => true,
  stubOf: ({ sku }) => stubOf(sku),

  async put({ state, now }, real, one, times) {
    const command = commandOf(real, one, now);
    const copies = Array.from({ length: times }, () => command);
    const expected = apply(state, copies, now).results;
    const answers = await Promise.all(copies.map(() => callOf(real.sku.api, command)));
    expect(answers.map((answer) => plain(command, answer))).toEqual(
      expected.map((answer) => plain(command, answer)),
    );
  },

  async putInVain({ state, now }, real, one) {
    const command = commandOf(real, one, now);
    const answer = await callOf(real.sku.api, command).then(
      (value) => ({ value }),
      () => null,
    );
    // One that changes nothing needs no commit, and is answered.
    if (!answer) return;
    const { results, events } = apply(state, [command], now);
    expect(events).toEqual([]);
    expect(plain(command, answer.value)).toEqual(plain(command, results[0]));
  },

  revive: (_, { sku }) => sku.listen(),

  /** Equal in everything that anybody can ask a SKU about. */
  async compare({ state, now }, { sku }) {
    apply(state, [], now);
    const { initial, restocked, available, held, sold } = state;
    expect(await sku.api.view()).toMatchObject({ initial, restocked, available, held, sold });
    for (let n = 0; n < ORDERS; n++) {
      const hold = state.holds.get(orderOf(sku, n));
      expect(await sku.api.find(orderOf(sku, n))).toEqual(hold ? viewOfHold(state.offers, hold) : null);
    }
  },
};

async function make(stock: number): Promise<{ model: Model; real: Real }> {
  const sku = new Sku();
  await sku.listen();
  const config = sku.config({ perBuyerMax: 3, holdMs: HOLD_MS });
  const model: Model = { state: emptyState(), now: STARTS };
  apply(model.state, [{ type: "configure", config, stock }], STARTS);
  await sku.api.configure(config, stock);
  return { model, real: { sku } };
}

test(
  "answers and is like its machine, whatever it is asked, disturbed by, or cannot store",
  { timeout: 300_000 },
  () => liveAlike(twins, fc.nat(6), make),
);

/** The helper's own promise: a poisoned commit is refused, and its object is as it was. */
test("a commit that breaks a constraint at its very end leaves nothing behind", async () => {
  const sku = new Sku();
  await sku.listen();
  await sku.api.configure(sku.config(), 5);
  await poison(stubOf(sku), "journal");
  expect(await isAnswered(sku.api.hold(sku.holding()))).toBe(false);
  await wholesome(stubOf(sku));
  expect(await sku.api.view()).toMatchObject({ available: 5, held: 0 });
});
