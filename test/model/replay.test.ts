import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import type { OrderActor } from "../../durable-objects/order/actor.ts";
import type { SkuActor } from "../../durable-objects/sku/actor.ts";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import type { OrderApi, SkuApi } from "../../schema/actors.ts";
import { holdMany } from "../../schema/hold-batch.ts";
import { unreachable } from "../../schema/result.ts";
import { chanceOf } from "../chance.ts";
import type { Question } from "../sim/order-object.ts";

/** How often an object leaves memory between two questions. */
const EVICTED = 0.08;

const silent = { send: async () => undefined, sendBatch: async () => undefined };
const env_ = { ...env, ORDER_EVENTS: silent, EFFECTS: silent };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** What an object hands to its queues is nobody's business here. */
const deafen = (stub: DurableObjectStub<SkuActor> | DurableObjectStub<OrderActor>): Promise<void> =>
  runInDurableObject(stub as DurableObjectStub<SkuActor>, (actor) => {
    Object.defineProperty(actor, "env", { value: env_, configurable: true });
  });

function askSku(sku: SkuApi, commands: readonly SkuCommand[]): Promise<unknown> {
  const [command] = commands;
  if (!command) return sku.view();
  switch (command.type) {
    case "configure":
      return sku.configure(command.config, command.stock);
    case "hold":
      return holdMany(
        sku,
        commands.flatMap((one) => (one.type === "hold" ? [one.request] : [])),
      );
    case "claim":
      return sku.claimMany(commands.flatMap((one) => (one.type === "claim" ? [one.request] : [])));
    case "commit":
      return sku.commitMany(commands.flatMap((one) => (one.type === "commit" ? [one.move] : [])));
    case "release":
      return sku.releaseMany(commands.flatMap((one) => (one.type === "release" ? [one] : [])));
    case "retake":
      return sku.retake(command.move, command.until);
    case "restock":
      return sku.restock(command.request);
    case "bind":
      return sku.bindKey(command.request);
    case "unbind":
      return sku.unbindKey(command);
    case "look":
      return "order" in command ? sku.find(command.order) : sku.holdsOf(command.buyer);
    default:
      return unreachable(command);
  }
}

/** As its interface has it: every answer is waited for. */
const api = (stub: DurableObjectStub<OrderActor>): OrderApi => stub;

async function askOrder(stub: DurableObjectStub<OrderActor>, question: Question): Promise<unknown> {
  const order: OrderApi = stub;
  switch (question.ask) {
    case "view":
      return order.view();
    case "alarm":
      return (await runDurableObjectAlarm(stub)) || order.report([{ type: "clock_ticked" }]);
    case "start":
      return order.start(question.request);
    case "cancel":
      return order.cancel(question.placement);
    case "refund":
      return order.refund(question.request);
    case "report":
      return question.settles === null
        ? order.report(question.reports)
        : order.report(question.reports, question.settles);
    default:
      return unreachable(question);
  }
}

describe.for(inject("recordings"))(
  "what objects were asked in the simulated sale $seed",
  ({ seed, skus, orders }) => {
    test(
      "makes the same journals in the real runtime, byte for byte, evicted now and then",
      { timeout: 120_000 },
      async () => {
        const chance = chanceOf(seed);
        for (const { number, asked, rows } of skus) {
          const stub = () => env.SKU.getByName(number);
          await deafen(stub());
          for (const { at, commands } of asked) {
            vi.setSystemTime(at);
            await askSku(stub(), commands);
            if (chance() > EVICTED) continue;
            await evictDurableObject(stub());
            await deafen(stub());
          }
          const journal = await runInDurableObject(stub(), (_, { storage }) =>
            storage.sql.exec("SELECT seq, at, body FROM journal ORDER BY seq").toArray(),
          );
          expect(journal.length).toBeGreaterThan(5);
          expect(journal).toEqual(rows);
        }
      },
    );

    test("makes the same orders in the real runtime, to the last field", { timeout: 120_000 }, async () => {
      const chance = chanceOf(seed);
      let born = 0;
      for (const { order, asked, end } of orders) {
        const stub = () => env.ORDER.getByName(order);
        await deafen(stub());
        for (const { at, question } of asked) {
          vi.setSystemTime(at);
          await askOrder(stub(), question);
          if (chance() > EVICTED) continue;
          // What nobody has seen a difference in yet is written before anybody reads the history, and lost with memory.
          await api(stub()).timeline();
          await evictDurableObject(stub());
          await deafen(stub());
        }
        await api(stub()).timeline();
        const found = await runInDurableObject(stub(), (_, { storage }) => {
          const { sql } = storage;
          if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'current'").toArray().length === 0)
            return null;
          return JSON.parse(String(sql.exec("SELECT body FROM current").one()["body"])) as unknown;
        });
        expect(found, order).toEqual(end);
        if (end) born++;
      }
      expect(born).toBeGreaterThan(3);
    });
  },
);
