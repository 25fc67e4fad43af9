import { rmSync, symlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inParallel, type OrderBody, type StockBody } from "../../worker/local/client.ts";
import { Server, until } from "./server.ts";

const CONNECTIONS = 200;
let server: Server;

beforeAll(async () => {
  server = await Server.fresh();
});
afterAll(async () => {
  await server.stop();
});

const sumOf = ({ available, held, sold }: StockBody): number => available + held + sold;

test("5,000 buyers press at once for 100 units: 100 orders, 4,900 times sold out", async () => {
  const { client } = server;
  const sku = "lamp-rush";
  // Longer than any machine takes for the rush.
  await client.defineSale("rush", sku, { stock: 100, holdSeconds: 600 });
  const tokens = await Promise.all(
    Array.from({ length: 5_000 }, (_, index) => client.token(`buyer-${index}`)),
  );

  const answers = new Map<string, number>();
  await inParallel(tokens, CONNECTIONS, async (token) => {
    const { status, body } = await client.order(token, "rush", sku);
    const answer = status === 201 ? "201" : `${status} ${body.code}`;
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  });
  expect(Object.fromEntries(answers)).toEqual({ "201": 100, "409 sold_out": 4_900 });

  const after = await client.stock(sku);
  expect(after).toMatchObject({ initial: 100, restocked: 0, sold: 0 });
  expect(sumOf(after)).toBe(100);
});

test("every unit of a crowd that does not pay comes back within a second, and is sold again", async () => {
  const { client } = server;
  const sku = "lamp-back";
  await client.defineSale("back", sku, { stock: 100, holdSeconds: 4 });
  const orders: OrderBody[] = [];
  const names = Array.from({ length: 100 }, (_, index) => `back-${index}`);
  await inParallel(names, CONNECTIONS, async (name) => {
    const { status, body } = await client.order(await client.token(name), "back", sku);
    expect(status).toBe(201);
    orders.push(body);
  });
  const lastPayBy = Math.max(...orders.map(({ pay_by }) => Date.parse(pay_by)));
  await until(
    "units held",
    lastPayBy - Date.now() + 1_000,
    () => client.stock(sku),
    ({ held }) => held === 0,
  );
  expect(await client.stock(sku)).toMatchObject({ available: 100, held: 0 });
  const token = await client.token("latecomer");
  expect((await client.order(token, "back", sku)).status).toBe(201);
});

test("a third of the holders walks away and everything sells: oversold 0, undersold 0", async () => {
  const { client } = server;
  const sku = "lamp-walk";
  await client.defineSale("walk", sku, { stock: 50, holdSeconds: 2 });
  let waiting = Array.from({ length: 400 }, (_, index) => ({
    name: `walk-${index}`,
    walks: index % 3 === 0,
  }));
  const paid: string[] = [];
  const deadline = Date.now() + 40_000;
  while (waiting.length > 0 && Date.now() < deadline) {
    const again: typeof waiting = [];
    await inParallel(waiting, CONNECTIONS, async (buyer) => {
      const token = await client.token(buyer.name);
      const { status, body } = await client.order(token, "walk", sku);
      expect([201, 409]).toContain(status);
      if (status !== 201) return void again.push(buyer);
      if (buyer.walks) return;
      const payment = await client.startPayment(token, body.id);
      if (payment && (await client.approve(payment))) paid.push(body.id);
    });
    const { available, held } = await client.stock(sku);
    if (available === 0 && held === 0) break;
    waiting = again;
  }
  const stock = await until(
    "units sold",
    10_000,
    () => client.stock(sku),
    ({ sold }) => sold === 50,
  );
  expect(stock).toMatchObject({ available: 0, held: 0, sold: 50 });
  const listed = await until(
    "paid orders in D1",
    10_000,
    () => client.orders("walk"),
    (orders) => orders.filter(({ state }) => state === "paid").length === 50,
  );
  expect(
    listed
      .filter(({ state }) => state === "paid")
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(paid.toSorted());
});

test("killed in the middle of a rush, it comes back with every acknowledged order, and they are paid or expire", async () => {
  const { client } = server;
  const sku = "lamp-kill";
  await client.defineSale("kill", sku, { stock: 300, holdSeconds: 15 });
  const acknowledged: { token: string; order: OrderBody; payment: string | null }[] = [];
  const rush = inParallel(
    Array.from({ length: 1_000 }, (_, index) => `kill-${index}`),
    50,
    async (name) => {
      const token = await client.token(name);
      const { status, body } = await client
        .order(token, "kill", sku)
        .catch(() => ({ status: 0, body: null }));
      if (status !== 201 || !body) return;
      const known = { token, order: body, payment: null as string | null };
      acknowledged.push(known);
      if (acknowledged.length % 3 === 0)
        known.payment = await client.startPayment(token, body.id).catch(() => null);
    },
  );
  await until(
    "some orders",
    20_000,
    async () => acknowledged.length,
    (count) => count > 60,
  );
  await server.kill();
  await rush;
  expect(acknowledged.length).toBeGreaterThan(60);

  expect(await server.start()).toBe("ready");
  const stock = await client.stock(sku);
  expect(sumOf(stock)).toBe(300);
  for (const { token, order } of acknowledged)
    expect((await client.read(token, order.id)).status, order.id).toBe(200);

  const payments = acknowledged.flatMap(({ payment }) => (payment ? [payment] : []));
  await inParallel(payments, 20, async (payment) => void (await client.approve(payment)));
  const paying = acknowledged.filter(({ payment }) => payment !== null);
  await until(
    "payments finished",
    30_000,
    () =>
      Promise.all(paying.map(async ({ token, order }) => (await client.read(token, order.id)).body.state)),
    (states) => states.every((state) => state === "paid" || state === "expired"),
  );
  const end = await until(
    "holds expired",
    30_000,
    () => client.stock(sku),
    ({ held }) => held === 0,
  );
  expect(sumOf(end)).toBe(300);
  const states = await Promise.all(
    paying.map(async ({ token, order }) => (await client.read(token, order.id)).body.state),
  );
  expect(end.sold).toBe(states.filter((state) => state === "paid").length);
});

test("a second server on the same data is refused, and a taken port is said to be taken", async () => {
  const second = new Server(server.port + 1, server.dataDir);
  expect(await second.start()).toBe(1);
  expect(second.output).toContain("Another Doorbuster is running on");
  expect(await second.start("start")).toBe(1);
  expect(second.output).toContain("Another Doorbuster is running on");
  // The folder is what is locked, whatever it is called and wherever temporary files go.
  const link = `${server.dataDir}-link`;
  symlinkSync(server.dataDir, link);
  const linked = new Server(server.port + 1, link);
  expect(await linked.start("serve", { TMPDIR: server.dataDir })).toBe(1);
  expect(linked.output).toContain("Another Doorbuster is running on");
  rmSync(link);
  const elsewhere = await Server.fresh();
  const samePort = new Server(elsewhere.port, `${elsewhere.dataDir}-other`);
  expect(await samePort.start()).toBe(1);
  expect(samePort.output).toMatch(/Port \d+ is taken\..*PORT=\d+/);
  await samePort.stop();
  expect(await elsewhere.stop()).toBe(0);
});

test("its runtime ends with the command that started it, and the data are free at once", async () => {
  const { client } = server;
  await client.defineSale("alone", "lamp-alone", { stock: 5, holdSeconds: 60 });
  const { status } = await client.order(await client.token("alone"), "alone", "lamp-alone");
  expect(status).toBe(201);
  await server.killLauncher();
  expect(await server.start()).toBe("ready");
  expect(await client.stock("lamp-alone")).toMatchObject({ available: 4, held: 1 });
});
