import { describe, expect, test } from "vitest";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import { assertCounted } from "../../durable-objects/sku/conservation.ts";
import { Freezing } from "../../durable-objects/sku/freezing.ts";
import { thaw } from "../../durable-objects/sku/snapshot.ts";
import { contentsOf, freeze } from "../fixtures/frozen-sku.ts";
import { replay } from "../../durable-objects/sku/evolve.ts";
import { advance, IDEMPOTENCY_WINDOW_MS } from "../../durable-objects/sku/leaving.ts";
import type { Paces } from "../../durable-objects/sku/machine.ts";
import { unitsOf } from "../../durable-objects/sku/recall.ts";
import { holdsOf } from "../../durable-objects/sku/views.ts";
import { emptyState } from "../../durable-objects/sku/state.ts";
import type { OrderId } from "../../schema/ids.ts";
import type { ReleaseReason, SkuEvent } from "../../schema/sku.ts";
import { configOf, frozen, HOLD_MS, orderOf, World } from "../machines/sku-world.ts";

/** Numbers that look random and are the same for the same seed (mulberry32). */
function chanceOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const LIMIT = 3;
const ORDERS = 12;
const BUYERS = ["ann", "bob", "cat"];
const REASONS: ReleaseReason[] = ["cancelled", "pay_by_passed", "refused", "payment_lost"];

/** The facts of an order never change, whoever asks about it and how often. */
const factsOf = (n: number) => ({
  order: orderOf(n),
  buyer: BUYERS[n % BUYERS.length] ?? "ann",
  quantity: 1 + (n % 2),
});

/** Anything anybody might send, in any order, again and again. */
function anyCommand(chance: () => number, now: number): SkuCommand {
  const pick = (below: number): number => Math.floor(chance() * below);
  const facts = factsOf(pick(ORDERS));
  const { order, buyer } = facts;
  const move = { ...facts, take: 1 + pick(3) };
  const key = `key-${pick(5)}`;
  const fingerprint = `f${pick(8) === 0 ? 1 : 0}`;
  const othersHeldUntil = pick(4) === 0 ? now + pick(HOLD_MS) : null;
  switch (pick(12)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const home = pick(3) === 0 ? null : { key, fingerprint, others: [], othersHeldUntil };
      return { type: "hold", request: { ...facts, sale: "lamps", home } };
    }
    case 4:
      return { type: "claim", request: { order, until: now + pick(2 * HOLD_MS) } };
    case 5:
      return { type: "commit", move };
    case 6:
    case 7:
      return { type: "release", move, reason: REASONS[pick(REASONS.length)] ?? "refused" };
    case 8:
      return { type: "retake", move, until: now + pick(2 * HOLD_MS) };
    case 9:
      return { type: "restock", request: { key, fingerprint, delta: pick(5) - 2, reason: "count" } };
    case 10:
      return {
        type: "bind",
        request: { buyer, key, fingerprint, order, supersedes: pick(2) ? orderOf(pick(ORDERS)) : null },
      };
    default:
      return { type: "unbind", buyer, key, order };
  }
}

/** What a stranger who only reads the journal can tell of each order and each key. */
class Auditor {
  readonly #live = new Map<OrderId, { buyer: string; quantity: number; until: number; claimed: boolean }>();
  readonly #sold: { order: OrderId; buyer: string; quantity: number; soldAt: number }[] = [];
  readonly #ended = new Map<OrderId, number>();
  readonly #keys = new Map<string, { order: OrderId; at: number }>();
  #everForSale = 0;

  hear(event: SkuEvent, at: number): void {
    switch (event.type) {
      case "configured":
        this.#everForSale = Math.max(this.#everForSale, event.initial);
        return;
      case "restocked":
        this.#everForSale += event.delta;
        return;
      case "held": {
        expect(this.#live.has(event.order), "held twice").toBe(false);
        expect(this.#forgotten(event.order, at), "held after it had ended").toBe(true);
        if (event.home) this.#hearKey(event.buyer, event.home.key, event.order, at);
        this.#live.set(event.order, { ...event, claimed: false });
        break;
      }
      case "retaken":
        for (const { order, soldAt } of this.#sold) {
          if (order === event.order)
            expect(at - soldAt >= IDEMPOTENCY_WINDOW_MS, "taken again after it was sold").toBe(true);
        }
        this.#live.set(event.order, { ...event, claimed: true });
        break;
      case "claimed": {
        const hold = this.#liveHold(event.order);
        this.#live.set(event.order, { ...hold, until: event.until, claimed: true });
        return;
      }
      case "sold":
        this.#sold.push({ ...this.#end(event.order, at), order: event.order, soldAt: at });
        break;
      case "released": {
        const hold = this.#liveHold(event.order);
        if (event.reason === "expired")
          expect(at >= hold.until && !hold.claimed, "released early").toBe(true);
        this.#end(event.order, at);
        return;
      }
      default:
        return;
    }
    this.#countBuyers();
  }

  /** Whether a day has passed since it ended, or it never did. */
  #forgotten(order: OrderId, at: number): boolean {
    const endedAt = this.#ended.get(order);
    return endedAt === undefined || at - endedAt >= IDEMPOTENCY_WINDOW_MS;
  }

  #liveHold(order: OrderId) {
    const hold = this.#live.get(order);
    if (!hold) throw new Error(`${order} ended twice`);
    return hold;
  }

  #end(order: OrderId, at: number) {
    const hold = this.#liveHold(order);
    this.#live.delete(order);
    this.#ended.set(order, at);
    return hold;
  }

  /** A key names one order for as long as anybody may repeat it. */
  #hearKey(buyer: string, key: string, order: OrderId, at: number): void {
    const name = `${buyer} ${key}`;
    const first = this.#keys.get(name);
    if (first) expect(at - first.at >= IDEMPOTENCY_WINDOW_MS, "a key made two orders").toBe(true);
    this.#keys.set(name, { order, at });
  }

  #countBuyers(): void {
    const units = new Map<string, number>();
    let all = 0;
    for (const { buyer, quantity } of [...this.#live.values(), ...this.#sold]) {
      units.set(buyer, (units.get(buyer) ?? 0) + quantity);
      all += quantity;
    }
    for (const [buyer, owned] of units) expect(owned, `units of ${buyer}`).toBeLessThanOrEqual(LIMIT);
    expect(all, "more was held and sold than there ever was").toBeLessThanOrEqual(this.#everForSale);
  }
}

/** Memory holds two finished facts, and the rest is in chunks of a few. */
const FORGETFUL: Paces = { archiving: { chunkFacts: 2, finishedMax: 2, afterMs: HOLD_MS * 3 } };

/** A thousand batches of anything, with waits from none to days. */
function live(seed: number, paces: Paces = {}, look: (world: World, step: number) => void = () => {}): World {
  const chance = chanceOf(seed);
  const world = new World(Math.floor(chance() * 8), { perBuyerMax: LIMIT }, paces);
  const auditor = new Auditor();
  let heard = 0;
  for (let step = 0; step < 150; step++) {
    const size = Math.floor(chance() * 4);
    world.askAll(Array.from({ length: size }, () => anyCommand(chance, world.now)));
    for (; heard < world.commits.length; heard++) {
      const commit = world.commits[heard];
      for (const event of commit?.events ?? []) auditor.hear(event, commit?.at ?? 0);
    }
    assertCounted(world.state);
    look(world, step);
    const roll = chance();
    world.now +=
      roll < 0.5
        ? 0
        : roll < 0.95
          ? Math.floor(chance() * HOLD_MS)
          : Math.floor(chance() * IDEMPOTENCY_WINDOW_MS * 2);
    if (chance() < 0.02) world.now -= HOLD_MS; // A clock that is set back.
  }
  return world;
}

/** Orders with how they ended. */
const ends = (commits: World["commits"]): string[] =>
  commits.flatMap(({ events }) =>
    events.flatMap((event) => (event.type === "released" ? [`${event.order} ${event.reason}`] : [])),
  );

const WORLDS = 300;
const only = process.env["SEED"];
const seeds = only ? [Number(only)] : Array.from({ length: WORLDS }, (_, index) => index + 1);

describe("a SKU that is asked anything in any order", () => {
  test("conserves its stock, ends a hold once and never early, keeps the limit, and makes one order of a key", () => {
    for (const seed of seeds) {
      try {
        live(seed);
      } catch (cause) {
        throw new Error(`SEED=${seed}: ${String(cause)}`, { cause });
      }
    }
  });

  test("is nothing but its events: replayed, from the beginning or from any snapshot, they give the same state", () => {
    for (const seed of seeds) {
      // Half of the worlds forget what is finished as soon as they can.
      const world = live(seed, seed % 2 ? FORGETFUL : {});
      const fromStart = emptyState(world.read);
      replay(fromStart, world.commits);
      advance(fromStart, world.state.now);
      expect(frozen(fromStart), `SEED=${seed}`).toEqual(frozen(world.state));

      const cut = Math.floor(chanceOf(seed)() * world.commits.length);
      const early = emptyState(world.read);
      replay(early, world.commits.slice(0, cut));
      const hashes = world.commits.flatMap(({ archived }) => archived.map((chunk) => chunk.hashes));
      const fromSnapshot = thaw(freeze(early), (chunks) => hashes.slice(0, chunks), world.read);
      replay(fromSnapshot, world.commits.slice(cut));
      advance(fromSnapshot, world.state.now);
      expect(contentsOf(fromSnapshot), `SEED=${seed}`).toEqual(contentsOf(world.state));
    }
  });

  test("is in a snapshot what it was when that began, whatever happens while it is made", () => {
    let during = 0;
    for (const seed of seeds) {
      const chance = chanceOf(seed);
      const beginsAt = Math.floor(chance() * 100);
      const texts: string[] = [];
      let freezing: Freezing | null = null;
      let from = 0;
      let isWhole = false;
      const world = live(seed, seed % 2 ? FORGETFUL : {}, ({ state, commits }, step) => {
        if (step === beginsAt) {
          freezing = new Freezing(state);
          from = commits.length;
        }
        if (!freezing || isWhole) return;
        const piece = freezing.next(Math.floor(chance() * 3));
        texts.push(...piece.texts);
        isWhole = piece.isWhole;
        if (commits.length > from) during++;
      });
      expect(isWhole, `SEED=${seed}`).toBe(true);
      const hashes = world.commits.flatMap(({ archived }) => archived.map((chunk) => chunk.hashes));
      const thawed = thaw(texts, (chunks) => hashes.slice(0, chunks), world.read);
      replay(thawed, world.commits.slice(from));
      advance(thawed, world.state.now);
      expect(contentsOf(thawed), `SEED=${seed}`).toEqual(contentsOf(world.state));
    }
    expect(during).toBeGreaterThan(seeds.length);
  });

  test(
    "answers the same whether what is finished is in memory or in the archive",
    { timeout: 60_000 },
    () => {
      let chunks = 0;
      for (const seed of seeds.slice(0, 100)) {
        const chance = chanceOf(seed);
        const stock = Math.floor(chance() * 8);
        const remembering = new World(stock, { perBuyerMax: LIMIT });
        const forgetful = new World(stock, { perBuyerMax: LIMIT }, FORGETFUL);
        for (let step = 0; step < 150; step++) {
          // A key in the archive stays bound, and is taken over when its order is seen to be dead.
          const commands = Array.from({ length: Math.floor(chance() * 4) }, () =>
            anyCommand(chance, remembering.now),
          ).filter(({ type }) => type !== "unbind");
          expect(forgetful.askAll(commands), `SEED=${seed}`).toEqual(remembering.askAll(commands));
          for (const buyer of BUYERS) {
            expect(unitsOf(forgetful.state, buyer), `SEED=${seed}`).toBe(unitsOf(remembering.state, buyer));
            expect(holdsOf(forgetful.state, buyer), `SEED=${seed}`).toEqual(
              holdsOf(remembering.state, buyer),
            );
          }
          assertCounted(forgetful.state);
          const ms = chance() < 0.6 ? 0 : Math.floor(chance() ** 4 * IDEMPOTENCY_WINDOW_MS * 2);
          remembering.now += ms;
          forgetful.now += ms;
        }
        expect(forgetful.commits.map(({ events }) => events)).toEqual(
          remembering.commits.map(({ events }) => events),
        );
        chunks += forgetful.chunks.length;
      }
      expect(chunks).toBeGreaterThan(0);
    },
  );

  test("answers the same whether holds that are over end at once or only when somebody needs to know", () => {
    let late = 0;
    for (const seed of seeds.slice(0, 100)) {
      const chance = chanceOf(seed);
      const stock = Math.floor(chance() * 8);
      const prompt = new World(stock, { perBuyerMax: LIMIT });
      const lazy = new World(stock, { perBuyerMax: LIMIT }, { deadlinesMax: 0 });
      for (let step = 0; step < 150; step++) {
        const commands = Array.from({ length: Math.floor(chance() * 4) }, () =>
          anyCommand(chance, prompt.now),
        );
        expect(lazy.askAll(commands), `SEED=${seed}`).toEqual(prompt.askAll(commands));
        late += prompt.state.available - lazy.state.available;
        const buyer = BUYERS[step % BUYERS.length] ?? "";
        lazy.ask({ type: "look", buyer });
        expect(holdsOf(lazy.state, buyer), `SEED=${seed}`).toEqual(holdsOf(prompt.state, buyer));
        assertCounted(lazy.state);
        const ms = chance() < 0.6 ? 0 : Math.floor(chance() * HOLD_MS);
        prompt.now += ms;
        lazy.now += ms;
      }
      const [all, some] = [prompt, lazy].map(({ commits }) => ends(commits));
      for (const end of some ?? []) expect(all, `SEED=${seed}`).toContain(end);
    }
    expect(late).toBeGreaterThan(0);
  });

  test("when all holds have been given back, everything that is not sold is available", () => {
    for (const seed of seeds) {
      const world = live(seed);
      world.wait(HOLD_MS * 2);
      for (let n = 0; n < ORDERS; n++)
        world.ask({ type: "release", move: { ...factsOf(n), take: 99 }, reason: "payment_lost" });
      const { initial, restocked, available, held, sold } = world.state;
      expect({ held, available }, `SEED=${seed}`).toEqual({ held: 0, available: initial + restocked - sold });
    }
  });
});

test("a million holds do not make a commit look at them", () => {
  const world = new World(2_000_000, { perBuyerMax: 2_000_000, holdMs: 3_600_000 });
  const { holds } = world.state;
  for (let n = 0; n < 100_000; n++) world.hold({ n, home: null });
  // Walking over the holds would be noticed: from here on nobody may.
  const refuse = (): never => {
    throw new Error("somebody walks over all holds");
  };
  holds.values = refuse;
  world.ask({ type: "claim", request: { order: orderOf(5), until: world.now + 1 } });
  world.ask({ type: "configure", config: configOf({ perBuyerMax: 2_000_001 }), stock: 0 });
  world.hold({ n: 200_000 });
  world.wait(1_000);
  expect(world.overdue.length).toBe(1);
});
