import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { consume } from "../../worker/consumers/consume.ts";
import { consumeDeadLetters, replayDeadLetter } from "../../worker/consumers/dead-letters.ts";
import { listCases } from "../../worker/read-models/cases.ts";
import { countsOf } from "../../worker/read-models/counts.ts";
import { findDeadLetter, listDeadLetters } from "../../worker/read-models/dead-letters.ts";
import { bodies, D1_DOWN, deliverTo, worldOf } from "./world.ts";

let count = 0;

/** A letter in D1, as the consumer of a queue's dead letters leaves it. */
async function dead(queue: string, body: unknown): Promise<string> {
  const id = `dead-${++count}`;
  const batch = createMessageBatch(`${queue}-dead`, [
    { id, timestamp: new Date(7_000 + count), attempts: 1, body },
  ]);
  await consume(batch, env);
  const { explicitAcks } = await getQueueResult(batch, createExecutionContext());
  expect(explicitAcks).toEqual([id]);
  const name = /(?:production-)?(.*)/.exec(queue)?.[1] ?? "";
  return `${name}:${id}`;
}

/** Queues that remember what they were given. */
function queues() {
  const sent: [string, unknown][] = [];
  const queue = (name: string) => ({
    send: async (body: unknown) => {
      sent.push([name, body]);
    },
  });
  const world = worldOf(
    {},
    {
      PROVIDER_EVENTS: queue("provider-events"),
      EFFECTS: queue("effects"),
      ORDER_EVENTS: queue("order-events"),
    },
  );
  return { sent, world };
}

describe("a dead letter", () => {
  test("becomes one row, however often it comes", async () => {
    for (const delivery of [1, 2]) {
      const letter = { id: "twice", timestamp: new Date(7_000), attempts: delivery, body: { v: 9 } };
      const batch = createMessageBatch("effects-dead", [letter]);
      await consume(batch, env);
      const { explicitAcks } = await getQueueResult(batch, createExecutionContext());
      expect(explicitAcks, `delivery ${delivery}`).toEqual(["twice"]);
    }
    const kept = (await listDeadLetters(env.DB)).filter(({ id }) => id === "effects:twice");
    expect(kept).toEqual([
      {
        id: "effects:twice",
        queue: "effects",
        body: '{"v":9}',
        failedAt: 7_000,
        replayedAt: null,
        replayedBy: null,
      },
    ]);
  });

  test("of every queue, in every environment, is one of that queue", async () => {
    const letters = ["provider-events", "effects", "order-events", "production-order-events"];
    for (const queue of letters) {
      const id = await dead(queue, queue);
      expect(await findDeadLetter(env.DB, id)).toMatchObject({
        queue: queue.replace("production-", ""),
        body: JSON.stringify(queue),
      });
    }
  });

  test("without a body is kept as well, and a large one whole", async () => {
    expect((await findDeadLetter(env.DB, await dead("effects", undefined)))?.body).toBe("null");
    const large = "ü".repeat(60_000);
    expect((await findDeadLetter(env.DB, await dead("effects", { large })))?.body).toBe(
      JSON.stringify({ large }),
    );
  });

  test("waits while D1 is down", async () => {
    const ended = await deliverTo(
      (batch, world) => consumeDeadLetters(batch, world, "effects"),
      worldOf({}, D1_DOWN),
      bodies(1, 2),
    );
    expect(ended).toEqual([expect.any(Number), expect.any(Number)]);
  });

  test("is counted until it is replayed", async () => {
    const before = (await countsOf(env.DB)).deadLetters;
    const id = await dead("effects", {});
    expect((await countsOf(env.DB)).deadLetters).toBe(before + 1);
    await replayDeadLetter(queues().world, id, "stf_1");
    expect((await countsOf(env.DB)).deadLetters).toBe(before);
  });
});

describe("a replay", () => {
  test.each(["provider-events", "effects", "order-events"])("goes to %s as it was, once", async (queue) => {
    const id = await dead(queue, { v: 1, of: queue });
    const { sent, world } = queues();
    const first = await replayDeadLetter(world, id, "stf_1");
    const again = await replayDeadLetter(world, id, "stf_2");
    expect(sent).toEqual([[queue, { v: 1, of: queue }]]);
    expect(first).toMatchObject({ id, replayedBy: "stf_1", replayedAt: expect.any(Number) });
    expect(again).toEqual(first);
  });

  test("of a letter nobody knows is nothing", async () => {
    expect(await replayDeadLetter(queues().world, "effects:nobody", "stf_1")).toBeNull();
  });

  test("that the queue does not take leaves the letter waiting", async () => {
    const id = await dead("effects", {});
    const down = { send: () => Promise.reject(new Error("the queue is down")) };
    await expect(replayDeadLetter(worldOf({}, { EFFECTS: down }), id, "stf_1")).rejects.toThrow(
      "the queue is down",
    );
    expect((await findDeadLetter(env.DB, id))?.replayedAt).toBeNull();
  });
});

test("a queue that nobody consumes is a mistake in the settings", async () => {
  await expect(consume(createMessageBatch("coupons", []), env)).rejects.toThrow("coupons");
});

test("a dead letter is a case until somebody replays it, and a case once", async () => {
  const letter = await dead("effects", { v: 9 });
  const open = async () => (await listCases(env.DB)).filter(({ id }) => id === `dead_letter:${letter}`);
  expect(await open()).toMatchObject([{ kind: "dead_letter", owner: null, resolvedAt: null }]);
  await replayDeadLetter(queues().world, letter, "ann");
  expect(await open()).toEqual([]);
  const resolved = await listCases(env.DB, "resolved");
  expect(resolved).toContainEqual(
    expect.objectContaining({ id: `dead_letter:${letter}`, resolvedBy: "ann", resolution: "replayed" }),
  );
});
