import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { vi } from "vitest";
import type { OrderApi, SkuApi } from "../../schema/actors.ts";
import type { Order, Report } from "../../schema/order.ts";
import { err, ok } from "../../schema/result.ts";
import type { MoveAnswer, Release, ReleaseReason, StockMove } from "../../schema/sku.ts";

/** An order that remembers what it was told. It decides nothing: what an order makes of it is tested elsewhere. */
export class FakeOrder implements Pick<OrderApi, "view" | "report"> {
  readonly heard: { reports: readonly Report[]; settles: string | undefined }[] = [];
  readonly #order: Order | null;

  constructor(order: Order | null) {
    this.#order = order;
  }

  async view() {
    return this.#order;
  }

  async report(reports: readonly Report[], settles?: string) {
    if (!this.#order) return null;
    // As a real order rolls back everything it was told together with what it cannot read.
    if (reports.some(({ type }) => (type as string) === "nonsense")) throw new Error("unreachable");
    this.heard.push({ reports: structuredClone(reports), settles });
    return this.#order;
  }
}

/** The stock rules of one SKU, for orders of one unit: takes, tombstones and repeats. */
export class FakeSku implements Pick<SkuApi, "commitMany" | "releaseMany" | "retake" | "published"> {
  readonly calls: string[] = [];
  /** Moves of each call. */
  readonly batches: number[] = [];
  readonly throughs: number[] = [];
  readonly holds = new Map<string, { state: "claimed" | "sold" | "released"; take: number }>();
  available: number;
  /** What the SKU says instead of doing anything. */
  refusal: "overloaded" | null = null;

  constructor(available: number) {
    this.available = available;
  }

  async commitMany(moves: readonly StockMove[]): Promise<MoveAnswer[]> {
    this.batches.push(moves.length);
    return moves.map((move) => this.#commit(move));
  }

  async releaseMany(releases: readonly Release[]): Promise<MoveAnswer[]> {
    this.batches.push(releases.length);
    return releases.map(({ move, reason }) => this.#release(move, reason));
  }

  #commit({ order, take }: StockMove): MoveAnswer {
    this.calls.push(`commit:${take}`);
    if (this.refusal) return err({ code: this.refusal });
    const hold = this.holds.get(order);
    if (hold?.state === "sold") return ok("sold");
    if (!hold || hold.state === "released" || take < hold.take) return err({ code: "gone" });
    hold.state = "sold";
    return ok("sold");
  }

  #release({ order, take }: StockMove, reason: ReleaseReason): MoveAnswer {
    this.calls.push(`release:${take}:${reason}`);
    const hold = this.holds.get(order);
    if (hold && (hold.state === "sold" || take < hold.take)) return ok(hold.state);
    if (hold?.state === "claimed") this.available++;
    this.holds.set(order, { state: "released", take });
    return ok("released");
  }

  async retake({ order, take }: StockMove): Promise<MoveAnswer> {
    this.calls.push(`retake:${take}`);
    const hold = this.holds.get(order);
    if (hold && take <= hold.take) return hold.state === "released" ? err({ code: "gone" }) : ok(hold.state);
    if (hold?.state !== "claimed") {
      if (this.available === 0) return err({ code: "gone" });
      this.available--;
    }
    this.holds.set(order, { state: "claimed", take });
    return ok("claimed");
  }

  async published(_after: number, through: number): Promise<void> {
    if (this.refusal) throw new Error("the SKU is away");
    this.throughs.push(through);
  }
}

interface Actors {
  readonly orders?: Record<string, object>;
  readonly skus?: Record<string, object>;
  readonly bank?: object;
}

const named = (actors: Record<string, object>) => ({
  getByName: (name: string) => {
    const actor = actors[name];
    if (!actor) throw new Error(`nobody is called ${name}`);
    return actor;
  },
});

/** The real D1, and actors of the test's own. */
export const worldOf = ({ orders = {}, skus = {}, bank = {} }: Actors, change: object = {}): Env =>
  ({
    ...env,
    ORDER: named(orders),
    SKU: named(skus),
    SANDBOX_BANK: named({ bank }),
    ...change,
  }) as unknown as Env;

const refuse = (): never => {
  throw new Error("D1 is down");
};
export const D1_DOWN = { DB: { prepare: refuse, batch: refuse } };

export interface Letter {
  readonly body: unknown;
  readonly attempts?: number;
}

let count = 0;

/** What became of each message, in the order they were given: `acked`, or the seconds it waits. */
export async function deliverTo<B>(
  consume: (batch: MessageBatch<B>, env: Env) => Promise<void>,
  world: Env,
  letters: readonly Letter[],
): Promise<("acked" | number)[]> {
  const messages = letters.map(({ body, attempts = 1 }) => ({
    id: `m${++count}`,
    timestamp: new Date(5_000),
    attempts,
    body: body as B,
  }));
  const batch = createMessageBatch<B>("queue-of-the-test", messages);
  // The plugin tells which messages are retried, but not after how long.
  const retries = batch.messages.map((message) => vi.spyOn(message, "retry"));
  await consume(batch, world);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, createExecutionContext());
  return messages.map(({ id }, at) => {
    if (explicitAcks.includes(id)) return "acked";
    const delay = retries[at]?.mock.calls[0]?.[0]?.delaySeconds;
    if (delay === undefined || !retryMessages.some(({ msgId }) => msgId === id))
      throw new Error(`nothing became of ${id}`);
    return delay;
  });
}

export const bodies = (...all: unknown[]): Letter[] => all.map((body) => ({ body }));

/** Every order in which these can arrive. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
