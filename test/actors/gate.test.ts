import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { GateActor } from "../../durable-objects/gate/actor.ts";
import type { GateApi, SkuApi } from "../../schema/actors.ts";
import type { Sale } from "../../schema/sale.ts";
import type { SkuView } from "../../schema/sku.ts";

interface StockMessage {
  type: "stock";
  sku: string;
  available: number;
  held: number;
  sold: number;
  state: string;
  at: string;
}
type Message = StockMessage | { type: "sale"; state: string; server_time: string };
type Heard = Message & { heardAt: number };

const HOUR_MS = 3_600_000;
let count = 0;

afterEach(() => {
  vi.useRealTimers();
});

function saleOf(change: Partial<Sale> = {}): Sale {
  const now = Date.now();
  const offers = [{ sku: "lamp", name: "Lamp", price: { amount: 100, currency: "CNY" }, image: null }];
  const id = `gate-sale-${++count}`;
  return {
    id,
    name: "Lamps",
    opensAt: now - HOUR_MS,
    closesAt: now + HOUR_MS,
    perBuyerMax: 1,
    holdMs: 60_000,
    offers,
    ...change,
  };
}

const gateOf = (sale: Sale) => env.GATE.getByName(sale.id);
const apiOf = (sale: Sale) => gateOf(sale) as unknown as GateApi;

/** A SKU under this test's control: what it says, how often it is asked, and whether it answers. */
class FakeSku {
  available = 100;
  asks = 0;
  answering = true;

  async view(): Promise<SkuView> {
    this.asks++;
    await scheduler.wait(20);
    if (!this.answering) throw new Error("away");
    const { available } = this;
    return {
      initial: 100,
      restocked: 0,
      available,
      held: 100 - available,
      sold: 0,
      version: this.asks,
      config: {} as SkuView["config"],
      sales: [],
      crowded: false,
    };
  }
}

/** Puts a fake SKU behind a gate that has been configured. */
async function watched(sale: Sale, sku = new FakeSku()): Promise<FakeSku> {
  await apiOf(sale).configure(sale);
  await standIn(sale, sku);
  return sku;
}

const standIn = (sale: Sale, sku: FakeSku): Promise<void> =>
  runInDurableObject(gateOf(sale), (gate: GateActor) => {
    const namespace = { getByName: (): Pick<SkuApi, "view"> => sku };
    Object.defineProperty(gate, "env", { value: { ...env, SKU: namespace }, configurable: true });
  });

async function connect(sale: Sale) {
  const answer = await gateOf(sale).fetch("http://gate/live", { headers: { Upgrade: "websocket" } });
  const socket = answer.webSocket;
  if (!socket) throw new Error(`not upgraded: ${answer.status}`);
  const heard: Heard[] = [];
  socket.addEventListener("message", ({ data }) => {
    heard.push({ ...(JSON.parse(String(data)) as Message), heardAt: Date.now() });
  });
  socket.accept();
  return { socket, heard, stock: () => heard.filter((message) => message.type === "stock") };
}

async function until(done: () => boolean): Promise<void> {
  for (let waited = 0; !done(); waited += 20) {
    if (waited > 5_000) throw new Error("waited five seconds for nothing");
    await scheduler.wait(20);
  }
}

describe("a gate that nobody configured", () => {
  test("knows nothing and stores nothing", async () => {
    const sale = saleOf();
    expect(await apiOf(sale).view()).toBeNull();
    expect((await gateOf(sale).fetch("http://gate/live", { headers: { Upgrade: "websocket" } })).status).toBe(
      404,
    );
    await runInDurableObject(gateOf(sale), async (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray()).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
  });
});

describe("the view", () => {
  test("configure answers with what was before, and the sale survives eviction", async () => {
    const sale = saleOf();
    expect(await apiOf(sale).configure(sale)).toBeNull();
    const renamed = { ...sale, name: "More lamps" };
    expect(await apiOf(sale).configure(renamed)).toEqual(sale);
    await evictDurableObject(gateOf(sale));
    await standIn(sale, new FakeSku());
    expect(await apiOf(sale).view()).toMatchObject({
      sale: renamed,
      state: "open",
      offers: [{ sku: "lamp", available: 100 }],
    });
  });

  test("many callers of one moment ask a SKU once", async () => {
    const sale = saleOf();
    const sku = await watched(sale);
    // A moment is one by the clock, however long a busy machine takes for it.
    vi.useFakeTimers({ toFake: ["Date"] });
    await Promise.all(Array.from({ length: 50 }, () => apiOf(sale).view()));
    expect(sku.asks).toBe(1);
    await apiOf(sale).view();
    expect(sku.asks).toBe(1);
    vi.setSystemTime(Date.now() + 260);
    await apiOf(sale).view();
    expect(sku.asks).toBe(2);
  });

  test("a SKU that cannot be asked keeps its last figures and their time", async () => {
    const sale = saleOf();
    const sku = await watched(sale);
    const before = await apiOf(sale).view();
    sku.answering = false;
    await scheduler.wait(260);
    const after = await apiOf(sale).view();
    expect(sku.asks).toBe(2);
    expect(after?.offers).toEqual(before?.offers);
  });

  test("a SKU that never answered is not called sold out", async () => {
    const sale = saleOf();
    const sku = new FakeSku();
    sku.answering = false;
    await watched(sale, sku);
    expect((await apiOf(sale).view())?.offers).toMatchObject([{ state: "held_out", available: 0, at: 0 }]);
  });
});

describe("the live socket", () => {
  test("says all there is at once, then only what changed", async () => {
    const sale = saleOf();
    const sku = await watched(sale);
    const { heard, stock, socket } = await connect(sale);
    await until(() => stock().length > 0);
    expect(heard[0]).toMatchObject({ type: "sale", state: "open" });
    expect(stock()[0]).toMatchObject({ sku: "lamp", available: 100, held: 0, sold: 0, state: "in_stock" });
    expect(stock()[0]?.at).toMatch(/^\d{4}-.*Z$/);
    await scheduler.wait(800);
    const quiet = heard.length;
    await scheduler.wait(800);
    expect(heard.length).toBe(quiet);
    sku.available = 7;
    await until(() => stock().at(-1)?.available === 7);
    expect(stock().at(-1)).toMatchObject({ held: 93, state: "low" });
    socket.close();
  });

  test("at most four pushes of a SKU in any second, and the last change arrives", async () => {
    const sale = saleOf();
    const sku = await watched(sale);
    const { stock, socket } = await connect(sale);
    for (let round = 0; round < 100; round++) {
      sku.available = 99 - (round % 99);
      await scheduler.wait(25);
    }
    sku.available = 42;
    await until(() => stock().at(-1)?.available === 42);
    const times = stock().map(({ heardAt }) => heardAt);
    expect(times.length).toBeGreaterThan(5);
    for (const from of times)
      expect(times.filter((at) => at >= from && at < from + 950).length).toBeLessThanOrEqual(4);
    socket.close();
  });

  test("tells the opening when it comes", async () => {
    const opensAt = Date.now() + 900;
    const sale = saleOf({ opensAt });
    await watched(sale);
    const { heard, socket } = await connect(sale);
    const state = () => heard.findLast((message) => message.type === "sale")?.state;
    await until(() => state() === "upcoming");
    await until(() => state() === "open");
    const at = heard.findLast((message) => message.type === "sale")?.heardAt ?? 0;
    expect(at).toBeGreaterThanOrEqual(opensAt);
    expect(at - opensAt).toBeLessThan(700);
    socket.close();
  });

  test("asks nobody while nobody watches, or while the opening is far", async () => {
    const far = saleOf({ opensAt: Date.now() + HOUR_MS, closesAt: Date.now() + 2 * HOUR_MS });
    const sku = await watched(far);
    const { heard, socket } = await connect(far);
    await until(() => heard.length > 0);
    await scheduler.wait(700);
    expect(sku.asks).toBe(1);
    const alarm = await runInDurableObject(gateOf(far), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBe(far.opensAt - 60_000);
    socket.close();

    const left = saleOf();
    const other = await watched(left);
    const page = await connect(left);
    await until(() => other.asks > 1);
    page.socket.close();
    await scheduler.wait(500);
    const asks = other.asks;
    await scheduler.wait(700);
    expect(other.asks).toBe(asks);
  });

  test("a sleeping gate that left memory still has its pages, and tells them what the alarm woke it for", async () => {
    const far = saleOf({ opensAt: Date.now() + HOUR_MS, closesAt: Date.now() + 2 * HOUR_MS });
    await watched(far);
    const { heard, stock, socket } = await connect(far);
    await until(() => heard.length > 1);
    await scheduler.wait(400);
    await evictDurableObject(gateOf(far), { webSockets: "hibernate" });
    const sku = new FakeSku();
    sku.available = 5;
    await standIn(far, sku);
    await apiOf(far).configure({ ...far, opensAt: Date.now() - 1 });
    await until(() => stock().at(-1)?.available === 5);
    expect(heard.findLast((message) => message.type === "sale")).toMatchObject({ state: "open" });
    await runDurableObjectAlarm(gateOf(far));
    socket.close();
  });

  test("closes on a page that speaks at length, and ignores one that speaks", async () => {
    const sale = saleOf();
    await watched(sale);
    const { socket } = await connect(sale);
    const closed = new Promise<number>((resolve) =>
      socket.addEventListener("close", ({ code }) => resolve(code)),
    );
    socket.send("hello");
    socket.send("x".repeat(2_000));
    expect(await closed).toBe(1009);
  });
});
