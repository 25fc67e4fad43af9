import { describe, expect, test } from "vitest";
import { DueHeap } from "../../durable-objects/sku/due-heap.ts";
import { bodiesOf, Outbox, rowOf, utf8BytesOf, type Row } from "../../durable-objects/sku/outbox.ts";
import { MESSAGE_BYTES_MAX } from "../../schema/messages.ts";
import type { SkuEvent } from "../../schema/sku.ts";
import { holding, orderOf, World } from "./sku-world.ts";

const placement = (n: number): Row["placed"][number] => ({
  order: orderOf(n),
  sale: "lamps",
  buyer: "ann",
  lines: [],
  amount: { amount: 1, currency: "CNY" },
  createdAt: 0,
  payBy: 0,
});
const telling = (seq: number, bytes = 100): Row => ({ seq, bytes, placed: [placement(seq)], expired: [] });
const silent = (seq: number): Row => ({ seq, bytes: 100, placed: [], expired: [] });

/** An outbox and the journal under it. */
function outboxOf(rows: Row[] = [], cursor = 0) {
  const journal = [...rows];
  const read = (after: number, through: number, limit: number): Row[] =>
    journal.filter(({ seq }) => seq > after && seq <= through).slice(0, limit);
  const outbox = new Outbox(cursor, journal.length, 0, read);
  const wrote = (...more: Row[]): void => {
    for (const row of more) {
      journal.push(row);
      outbox.wrote(row, 0);
    }
  };
  return { outbox, wrote };
}

const told = (outbox: Outbox, now: number): [number, number][] =>
  outbox.take(now).map(({ through, placed }) => [through, placed.length]);

describe("the outbox", () => {
  test("sends rows that wait together as one message, and rows with nothing to tell with their neighbours", () => {
    const { outbox, wrote } = outboxOf();
    wrote(silent(1), telling(2), silent(3), telling(4), silent(5));
    expect(told(outbox, 0)).toEqual([[5, 2]]);
    expect(told(outbox, 1)).toEqual([]);
    expect(outbox.cursor).toBe(1);
    expect(outbox.acknowledge(5)).toBe(true);
    expect(outbox.cursor).toBe(5);
  });

  test("passes over rows with nothing to tell without a message, but never past one on its way", () => {
    const { outbox, wrote } = outboxOf();
    wrote(silent(1), silent(2));
    expect([outbox.cursor, outbox.hasUnsent, outbox.dueAt()]).toEqual([2, false, null]);
    wrote(telling(3));
    told(outbox, 0);
    wrote(silent(4));
    expect(outbox.cursor).toBe(2);
    outbox.acknowledge(3);
    expect(outbox.cursor).toBe(4);
  });

  test("cuts messages where they would become too big", () => {
    const { outbox, wrote } = outboxOf();
    wrote(telling(1, 60_000), telling(2, 30_000), telling(3, 30_000), telling(4, 99_000));
    expect(told(outbox, 0)).toEqual([
      [2, 2],
      [3, 1],
      [4, 1],
    ]);
  });

  test("moves its cursor over the messages that were acknowledged in a row, in whatever order", () => {
    const { outbox, wrote } = outboxOf();
    for (const seq of [1, 2, 3]) {
      wrote(telling(seq));
      told(outbox, 0);
    }
    expect([outbox.acknowledge(3), outbox.cursor]).toEqual([false, 0]);
    expect([outbox.acknowledge(1), outbox.cursor]).toEqual([true, 1]);
    expect([outbox.acknowledge(1), outbox.cursor]).toEqual([false, 1]);
    expect([outbox.acknowledge(99), outbox.cursor]).toEqual([false, 1]);
    expect([outbox.acknowledge(2), outbox.cursor]).toEqual([true, 3]);
    expect(outbox.dueAt()).toBeNull();
  });

  test("sends again only what was not acknowledged, as it was", () => {
    const { outbox, wrote } = outboxOf();
    wrote(telling(1), telling(2));
    told(outbox, 0);
    wrote(telling(3));
    told(outbox, 1_000);
    outbox.acknowledge(3);
    expect(outbox.dueAt()).toBe(5_000);
    expect(told(outbox, 4_999)).toEqual([]);
    expect(told(outbox, 5_000)).toEqual([[2, 2]]);
    expect(outbox.dueAt()).toBe(15_000);
  });

  test("begins after its cursor when it comes back, and reads as much from the journal as there is", () => {
    const rows = Array.from({ length: 200 }, (_, index) =>
      index % 2 ? telling(index + 1) : silent(index + 1),
    );
    const { outbox, wrote } = outboxOf(rows, 20);
    expect(outbox.dueAt()).toBe(5_000);
    wrote(telling(201));
    expect(told(outbox, 0).reduce((sum, [, placed]) => sum + placed, 0)).toBe(91);
    expect(outbox.hasUnsent).toBe(false);
  });

  test("does not send ever more to a consumer that is down, and goes on when it is back", () => {
    const { outbox, wrote } = outboxOf();
    for (let seq = 1; seq <= 3_000; seq++) wrote(telling(seq, 90_000));
    const first = told(outbox, 0);
    expect(first.length).toBeLessThan(600);
    expect(outbox.hasUnsent).toBe(true);
    expect(told(outbox, 1)).toEqual([]);
    let placed = 0;
    for (let round = first; round.length > 0; round = told(outbox, 1)) {
      for (const [through, count] of round) {
        outbox.acknowledge(through);
        placed += count;
      }
    }
    expect([placed, outbox.cursor]).toEqual([3_000, 3_000]);
  });
});

describe("the rows of a commit", () => {
  test("are one, unless a message could not carry it", () => {
    const world = new World(1_000_000, { perBuyerMax: 1_000_000, name: "灯💡".repeat(20) });
    world.askAll(
      Array.from({ length: 1_000 }, (_, n) => ({ type: "hold" as const, request: holding({ n }) })),
    );
    const bodies = bodiesOf(world.last);
    expect(bodiesOf(world.last.slice(0, 100))).toHaveLength(1);
    expect(bodies.length).toBeGreaterThan(1);
    for (const { json, bytes } of bodies) {
      expect(Buffer.byteLength(json)).toBeLessThan(MESSAGE_BYTES_MAX);
      expect(Math.abs(Buffer.byteLength(json) - bytes)).toBeLessThan(3);
    }
    expect(bodies.flatMap(({ json }) => JSON.parse(json) as SkuEvent[])).toEqual(
      JSON.parse(JSON.stringify(world.last)),
    );
    expect(bodies.flatMap(({ events }) => events)).toEqual(world.last);
  });

  test("take at least as many bytes as what they tell", () => {
    const world = new World();
    world.hold();
    const placed = [...world.last];
    const events = [...placed, ...world.wait(60_000)];
    const [body] = bodiesOf(events);
    const { bytes, ...notices } = rowOf(1, world.now, body?.bytes ?? 0, events);
    expect(notices.expired).toHaveLength(1);
    expect(bytes + 60).toBeGreaterThan(JSON.stringify(notices).length);
  });

  test.for(["", "plain", "é", "灯", "💡", "a💡灯é"])("of %j are counted in UTF-8", (text) => {
    expect(utf8BytesOf(text)).toBe(Buffer.byteLength(text));
  });
});

test("what is due comes out of the heap earliest first", () => {
  const heap = new DueHeap<number>();
  const times = Array.from({ length: 1_000 }, (_, index) => (index * 7_919) % 503);
  for (const at of times) heap.push(at, at);
  const out: (number | undefined)[] = [];
  while (heap.peekAt() !== null) {
    expect(heap.peek()).toBe(heap.peekAt());
    out.push(heap.pop());
  }
  expect(out).toEqual(times.toSorted((a, b) => a - b));
  expect([heap.pop(), heap.peekAt()]).toEqual([undefined, null]);
});
