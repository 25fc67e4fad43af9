import type { SkuAnswers, SkuCommand } from "../../durable-objects/sku/commands.ts";
import { apply, type Paces } from "../../durable-objects/sku/machine.ts";
import { freeze } from "../fixtures/frozen-sku.ts";
import type { Chunk, ReadChunk } from "../../durable-objects/sku/archive.ts";
import { IDEMPOTENCY_WINDOW_MS } from "../../durable-objects/sku/leaving.ts";
import { emptyState, type SkuState } from "../../durable-objects/sku/state.ts";
import { orderIdOf, skuNumberOf, type OrderId } from "../../schema/ids.ts";
import type { HoldRequest, SkuConfig, SkuEvent, StockMove } from "../../schema/sku.ts";

/** A SKU without an actor around it: what it is asked, and everything that happened to it. */
export const OPENS = 1_000_000;
export const HOLD_MS = 60_000;
export const CLOSES = OPENS + 10 * 24 * 3_600_000;

export const configOf = (change: Partial<SkuConfig> = {}): SkuConfig => ({
  sku: "lamp",
  sale: "lamps",
  name: "Lamp",
  price: { amount: 19_900, currency: "CNY" },
  perBuyerMax: 3,
  holdMs: HOLD_MS,
  opensAt: OPENS,
  closesAt: CLOSES,
  ...change,
});

/** The id of the n-th order of a test. */
export function orderOf(n: number, sku = "lamp"): OrderId {
  const chance = new Uint8Array(5);
  new DataView(chance.buffer).setUint32(1, n);
  return orderIdOf(skuNumberOf(sku), OPENS + n, chance);
}

type Holding = Partial<Omit<HoldRequest, "home">> & {
  n?: number;
  home?: Partial<NonNullable<HoldRequest["home"]>> | null;
};

/** A home hold of one unit, unless told otherwise. */
export function holding({ n = 1, home, ...change }: Holding = {}): HoldRequest {
  const key = { key: `key-${n}`, fingerprint: "f", others: [], othersHeldUntil: null };
  return {
    order: orderOf(n),
    buyer: "ann",
    sale: "lamps",
    quantity: 1,
    home: home === null ? null : { ...key, ...home },
    ...change,
  };
}

export const moving = (change: Partial<StockMove> & { n?: number } = {}): StockMove => {
  const { n = 1, ...rest } = change;
  return { order: orderOf(n), take: 1, buyer: "ann", quantity: 1, ...rest };
};

export class World {
  /** Chunks that were stored. */
  readonly chunks: string[] = [];
  readonly state: SkuState = emptyState(this.read);
  readonly commits: { at: number; events: SkuEvent[]; archived: Chunk[] }[] = [];
  overdue: StockMove[] = [];
  now = OPENS;
  readonly #paces: Paces;

  constructor(stock = 10, change: Partial<SkuConfig> = {}, paces: Paces = {}) {
    this.#paces = paces;
    this.ask({ type: "configure", config: configOf(change), stock });
  }

  ask<C extends SkuCommand>(command: C): SkuAnswers[C["type"]] {
    return this.askAll([command])[0] as SkuAnswers[C["type"]];
  }

  askAll(commands: SkuCommand[]) {
    const { results, events, overdue, archived } = apply(this.state, commands, this.now, this.#paces);
    if (events.length > 0) this.commits.push({ at: this.state.now, events, archived });
    this.chunks.push(...archived.map(({ body }) => body));
    this.overdue.push(...overdue);
    return results;
  }

  get read(): ReadChunk {
    return (chunk) => {
      const text = this.chunks[chunk];
      if (text === undefined) throw new Error(`there is no chunk ${chunk}`);
      return text;
    };
  }

  /** Lets time pass, and nothing else happen. */
  wait(ms: number): SkuEvent[] {
    this.now += ms;
    const before = this.commits.length;
    this.askAll([]);
    return this.commits.slice(before).flatMap(({ events }) => events);
  }

  hold(change: Holding = {}) {
    return this.ask({ type: "hold", request: holding(change) });
  }

  get last(): SkuEvent[] {
    return this.commits.at(-1)?.events ?? [];
  }
}

/** Everything a state is, comparable. The clock is left out where only what happened counts. */
export const frozen = (state: SkuState): unknown[] => freeze(state).map((text): unknown => JSON.parse(text));

/** An answer in one word. */
export function wordOf(answer: { ok: boolean; value?: unknown; error?: { code: string } }): string {
  if (answer.error) return answer.error.code;
  const { value } = answer;
  if (typeof value === "string") return value;
  const held = value as { replayed?: boolean; state?: string };
  return held.state ?? (held.replayed ? "replayed" : "new");
}

/** The order under test is number 1, of buyer ann, one unit, in a SKU of ten. */
export const situations: Record<string, (world: World) => void> = {
  unconfigured: () => {},
  none: () => {},
  held: (world) => world.hold(),
  claimed: (world) => {
    world.hold();
    world.ask({ type: "claim", request: { order: orderOf(1), until: OPENS + HOLD_MS } });
  },
  sold: (world) => {
    world.hold();
    world.ask({ type: "commit", move: moving() });
  },
  released: (world) => {
    world.hold();
    world.ask({ type: "release", move: moving(), reason: "cancelled" });
  },
  tombstone: (world) => world.ask({ type: "release", move: moving(), reason: "refused" }),
  retaken: (world) => {
    world.hold();
    world.ask({ type: "release", move: moving(), reason: "cancelled" });
    world.ask({ type: "retake", move: moving({ take: 2 }), until: OPENS + HOLD_MS });
  },
  gone: (world) => {
    world.hold();
    world.ask({ type: "commit", move: moving() });
    world.wait(IDEMPOTENCY_WINDOW_MS);
  },
};
