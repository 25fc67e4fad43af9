import { describe, expect, test } from "vitest";
import { DueHeap } from "../../durable-objects/sku/due-heap.ts";
import {
  bodiesOf,
  bytesOfOffer,
  eventsOf,
  offerOf,
  rowOf,
  utf8BytesOf,
  type Row,
} from "../../durable-objects/sku/journal-text.ts";
import { DRAFTS_MAX, Outbox, type Draft, type ReadRows } from "../../durable-objects/sku/outbox.ts";
import { messageOf, readMessage, toldBy } from "../../durable-objects/sku/telling.ts";
import { MESSAGE_BYTES_MAX, type OrderEventMessage } from "../../schema/messages.ts";
import type { SkuEvent } from "../../schema/sku.ts";
import { configOf, holding, orderOf, World } from "./sku-world.ts";

const telling = (seq: number, bytes = 100): Row => ({
  seq,
  at: 0,
  bytes,
  offers: [0],
  news: "[]",
});
const silent = (seq: number): Row => ({
  seq,
  at: 0,
  bytes: 100,
  offers: [],
  news: "",
});

const line = { sku: "shade", name: "Shade", quantity: 2, unitPrice: { amount: 50, currency: "CNY" } };

/** An outbox and the journal under it. */
function outboxOf(rows: Row[] = [], cursor = 0) {
  const journal = [...rows];
  const read: ReadRows = (after, through, limit, bytesMax) => {
    let bytes = 0;
    return journal
      .filter(({ seq }) => seq > after && seq <= through)
      .slice(0, limit)
      .filter((row, index) => (bytes += row.bytes) <= bytesMax || index === 0);
  };
  const outbox = new Outbox(cursor, journal.length, 0, [configOf()], read);
  const wrote = (...more: Row[]): void => {
    for (const row of more) {
      journal.push(row);
      outbox.wrote(row, 0);
    }
  };
  return { outbox, wrote };
}

/** All that there is to send now: no more than a few messages are made at a time. */
function takeAll(outbox: Outbox, now: number): Draft[] {
  const all: Draft[] = [];
  for (;;) {
    const drafts = outbox.take(now);
    expect(drafts.length).toBeLessThan(2 * DRAFTS_MAX);
    all.push(...drafts);
    if (drafts.length < DRAFTS_MAX) return all;
  }
}

const told = (outbox: Outbox, now: number): [number, number][] =>
  outbox.take(now).map(({ through, rows }) => [through, rows.length]);

describe("the outbox", () => {
  test("sends rows that wait together as one message, and rows with nothing to tell with their neighbours", () => {
    const { outbox, wrote } = outboxOf();
    wrote(silent(1), telling(2), silent(3), telling(4), silent(5));
    expect(told(outbox, 0)).toEqual([[5, 2]]);
    expect(told(outbox, 1)).toEqual([]);
    expect(outbox.cursor).toBe(1);
    expect(outbox.acknowledge(1, 5)).toBe(true);
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
    outbox.acknowledge(2, 3);
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
    expect([outbox.acknowledge(2, 3), outbox.cursor]).toEqual([false, 0]);
    expect([outbox.acknowledge(0, 1), outbox.cursor]).toEqual([true, 1]);
    expect([outbox.acknowledge(0, 1), outbox.cursor]).toEqual([false, 1]);
    expect([outbox.acknowledge(98, 99), outbox.cursor]).toEqual([false, 1]);
    expect([outbox.acknowledge(0, 2), outbox.cursor]).toEqual([false, 1]);
    expect([outbox.acknowledge(1, 2), outbox.cursor]).toEqual([true, 3]);
    expect(outbox.dueAt()).toBeNull();
  });

  test("sends again only what was not acknowledged, as it was", () => {
    const { outbox, wrote } = outboxOf();
    wrote(telling(1), telling(2));
    told(outbox, 0);
    wrote(telling(3));
    told(outbox, 1_000);
    outbox.acknowledge(2, 3);
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
    expect(takeAll(outbox, 0).reduce((sum, draft) => sum + draft.rows.length, 0)).toBe(91);
    expect(outbox.hasUnsent).toBe(false);
  });

  test("does not send ever more to a consumer that is down, and goes on when it is back", () => {
    const { outbox, wrote } = outboxOf();
    for (let seq = 1; seq <= 3_000; seq++) wrote(telling(seq, 90_000));
    const first = takeAll(outbox, 0);
    expect(first.length).toBeLessThan(600);
    expect(outbox.hasUnsent).toBe(true);
    expect(takeAll(outbox, 1)).toEqual([]);
    expect(takeAll(outbox, 5_000).map(({ through }) => through)).toEqual(first.map(({ through }) => through));
    let placed = 0;
    for (let round = first; round.length > 0; round = takeAll(outbox, 5_001)) {
      for (const draft of round) {
        outbox.acknowledge(draft.after, draft.through);
        placed += draft.rows.length;
      }
    }
    expect([placed, outbox.cursor]).toEqual([3_000, 3_000]);
  });
});

describe("the rows of a commit", () => {
  test("are one, unless a message could not carry it", () => {
    const world = new World(1_000_000, { perBuyerMax: 1_000_000, name: "灯💡".repeat(20) });
    world.askAll(
      Array.from({ length: 3_000 }, (_, n) => ({ type: "hold" as const, request: holding({ n }) })),
    );
    const { offers } = world.state;
    const bodies = bodiesOf(world.last, offers);
    expect(bodiesOf(world.last.slice(0, 100), offers)).toHaveLength(1);
    expect(bodies.length).toBeGreaterThan(1);
    for (const [index, { json, bytes }] of bodies.entries()) {
      expect(Buffer.byteLength(json)).toBeLessThan(MESSAGE_BYTES_MAX);
      expect(Math.abs(rowOf({ seq: index, at: 0, body: json }).bytes - bytes)).toBeLessThan(3);
    }
    expect(bodies.flatMap(({ json }) => eventsOf(json))).toEqual(world.last);
    expect(bodies.flatMap(({ news }) => eventsOf(`[${news}]`))).toEqual(world.last);
  });

  test("count bytes and not characters: names may be in any script", () => {
    const others = [{ ...line, name: "灯".repeat(100) }];
    const home = { key: "k", fingerprint: "f", offer: 0, others };
    const [body] = bodiesOf(
      [{ type: "held", order: orderOf(1), buyer: "ann", quantity: 1, until: 7, home }],
      [configOf()],
    );
    expect(body?.bytes).toBeGreaterThanOrEqual(Buffer.byteLength(body?.json ?? ""));
  });

  test("take at least as many bytes as the message that tells of them", () => {
    const world = new World();
    const { offers } = world.state;
    const outbox = new Outbox<Row>(0, 0, 0, offers, () => []);
    let bytes = 0;
    const write = (seq: number, events: SkuEvent[]): void => {
      for (const { json: _, ...body } of bodiesOf(events, offers)) {
        outbox.wrote({ seq, at: world.now, ...body }, 0);
        bytes += body.bytes + body.offers.reduce((sum, offer) => sum + bytesOfOffer(offers, offer), 0);
      }
    };
    world.hold();
    write(1, world.last);
    write(2, world.wait(60_000));
    const [draft] = outbox.take(0);
    if (!draft) throw new Error("nothing is told");
    const text = messageOf("lamp", draft, 0);
    const { placed, expired } = toldBy(readMessage(text) as Extract<OrderEventMessage, { type: "sku_rows" }>);
    expect(draft).toMatchObject({ after: 0, through: 2 });
    expect(expired).toMatchObject([{ placement: placed[0], at: world.now }]);
    const envelope = messageOf("lamp", { ...draft, offers: [], rows: [] }, 0);
    expect(bytes).toBeGreaterThan(Buffer.byteLength(text) - Buffer.byteLength(envelope));
  });

  test("read back say what happened, whatever it was", () => {
    const home = { key: "k", fingerprint: "f", offer: 3, others: [line] };
    const ended = { buyer: "ann", quantity: 2, offer: 3, createdAt: 1, payBy: 2, others: [line] };
    const order = orderOf(1);
    const events: SkuEvent[] = [
      { type: "configured", config: configOf(), initial: 5 },
      { type: "held", order, buyer: "ann", quantity: 2, until: 7, home },
      { type: "held", order, buyer: "ann", quantity: 2, until: 7, home: { ...home, others: [] } },
      { type: "held", order, buyer: "ann", quantity: 2, until: 7, home: null },
      { type: "claimed", order, until: 9 },
      { type: "sold", order },
      { type: "released", order, reason: "expired", ended },
      { type: "released", order, reason: "cancelled", ended: null },
      { type: "tombstoned", order, buyer: "ann", quantity: 1, take: 2 },
      { type: "retaken", order, buyer: "ann", quantity: 1, take: 2, until: 3 },
      { type: "restocked", key: "k", fingerprint: "f", delta: -1, reason: "count" },
      { type: "bound", buyer: "ann", key: "k", fingerprint: "f", order },
      { type: "unbound", buyer: "ann", key: "k", order },
    ];
    const bodies = bodiesOf(events, []);
    expect(bodies.flatMap(({ json }) => eventsOf(json))).toEqual(events);
    const ofOrders = events.filter((event) => offerOf(event) !== null);
    expect(ofOrders).toHaveLength(3);
    expect(bodies.flatMap(({ news }) => eventsOf(`[${news}]`))).toEqual(ofOrders);
    expect(bodies.map(({ json }) => rowOf({ seq: 1, at: 0, body: json }).news)).toEqual(
      bodies.map(({ news }) => news),
    );
    expect(() => eventsOf('[["stolen"]]')).toThrow('no event "stolen"');
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
