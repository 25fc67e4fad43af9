import { env, runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import type { SkuActor } from "../../durable-objects/sku/actor.ts";
import { readMessage, toldBy } from "../../durable-objects/sku/telling.ts";
import type { SkuApi } from "../../schema/actors.ts";
import { orderIdOf, skuNumberOf, type OrderId } from "../../schema/ids.ts";
import type { OrderEventMessage } from "../../schema/messages.ts";
import type { HoldRequest, SkuConfig, StockMove } from "../../schema/sku.ts";

export const HOUR_MS = 3_600_000;
let count = 0;

/** Queues under the test's control: what was sent, and whether they take it. */
export class FakeQueue {
  readonly sent: unknown[] = [];
  taking = true;

  async send(body: unknown): Promise<void> {
    await this.sendBatch([{ body }]);
  }

  async sendBatch(messages: Iterable<{ body: unknown }>): Promise<void> {
    if (!this.taking) throw new Error("the queue is down");
    for (const { body } of messages) this.sent.push(structuredClone(body));
  }
}

export class Sku {
  readonly id = `lone-sku-${++count}`;
  readonly stub = env.SKU.getByName(skuNumberOf(this.id));
  readonly orderEvents = new FakeQueue();
  readonly effects = new FakeQueue();
  #orders = 0;

  /** Asked through a fresh stub each time: one that has seen an abort stays broken. */
  get api(): SkuApi {
    return env.SKU.getByName(skuNumberOf(this.id));
  }

  config(change: Partial<SkuConfig> = {}): SkuConfig {
    const price = { amount: 100, currency: "CNY" };
    const window = { opensAt: Date.now() - HOUR_MS, closesAt: Date.now() + 100 * HOUR_MS };
    return {
      sku: this.id,
      sale: "sale",
      name: "Lamp",
      price,
      perBuyerMax: 5,
      holdMs: 60_000,
      ...window,
      ...change,
    };
  }

  order(): OrderId {
    const chance = new Uint8Array(5);
    new DataView(chance.buffer).setUint32(1, ++this.#orders);
    return orderIdOf(skuNumberOf(this.id), Date.now(), chance);
  }

  holding(change: Partial<HoldRequest> = {}): HoldRequest {
    const order = change.order ?? this.order();
    const home = { key: order, fingerprint: "f", others: [], othersHeldUntil: null };
    return { order, buyer: `buyer-${order}`, sale: "sale", quantity: 1, home, ...change };
  }

  move(request: HoldRequest, take = 1): StockMove {
    const { order, buyer, quantity } = request;
    return { order, buyer, quantity, take };
  }

  get rows(): Promise<{ seq: number; at: number; body: string }[]> {
    return this.sql("SELECT seq, at, body FROM journal ORDER BY seq");
  }

  sql<Row extends Record<string, SqlStorageValue>>(query: string): Promise<Row[]> {
    return runInDurableObject(env.SKU.getByName(skuNumberOf(this.id)), (_, { storage }) =>
      storage.sql.exec<Row>(query).toArray(),
    );
  }

  /** Puts the fake queues into the living instance; they are gone when it leaves memory. */
  async listen(): Promise<void> {
    await runInDurableObject(env.SKU.getByName(skuNumberOf(this.id)), (actor: SkuActor) => {
      const queues = { ORDER_EVENTS: this.orderEvents, EFFECTS: this.effects };
      Object.defineProperty(actor, "env", { value: { ...env, ...queues }, configurable: true });
    });
  }

  get changes() {
    return (this.orderEvents.sent.map(readMessage) as OrderEventMessage[])
      .filter((message) => message.type === "sku_rows")
      .map((message) => ({ ...message, ...toldBy(message) }));
  }
}

export async function selling(stock = 100, change: Partial<SkuConfig> = {}): Promise<Sku> {
  const sku = new Sku();
  await sku.listen();
  const configured = await sku.api.configure(sku.config(change), stock);
  if (!configured.ok) throw new Error(configured.error.code);
  return sku;
}

/** Waits for something that happens by itself. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await done()); waited += 20) {
    if (waited > 5_000) throw new Error("waited five seconds for nothing");
    await scheduler.wait(20);
  }
}

export const succeeded = (answers: { ok: boolean }[]): number => answers.filter(({ ok }) => ok).length;

/** Alarms keep the real clock, so a faked one only ever moves ahead of it. */
export function pass(ms: number): void {
  const now = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now);
}
