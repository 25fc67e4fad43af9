import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, inParallel, type OrderBody } from "./client.ts";
import { fail, readSettings } from "./settings.ts";

/** `npm run rush`: thousands of buyers at the running system, and at the end a report read from the system itself. */

const SALE = "rush-hour";
const SKU = "rush-lamp";
/** Short, so that what is abandoned comes back while people still want it. */
const HOLD_SECONDS = 5;
/** Requests under way at once: as many as one machine's loopback takes without queueing in the client. */
const CONNECTIONS = 200;
/** A rush that has not sold out by then reports what it has. */
const RUSH_MS_MAX = 120_000;
const RETRY_MS = 500;
const QUIET_MS_MAX = 30_000;

const { values } = parseArgs({
  options: {
    buyers: { type: "string", default: "3000" },
    stock: { type: "string", default: "100" },
    abandon: { type: "string", default: "0.3" },
    url: { type: "string" },
  },
});
const buyers = Number(values.buyers);
const stock = Number(values.stock);
const abandon = Number(values.abandon);
if (!(buyers >= 1 && buyers <= 100_000 && stock >= 1 && stock <= buyers && abandon >= 0 && abandon < 1))
  fail(
    "Usage: npm run rush -- [--buyers 3000] [--stock 100] [--abandon 0.3] [--url http://127.0.0.1:8787], with no more stock than buyers.",
  );

const settings = readSettings();
const client = new Client(values.url ?? `http://127.0.0.1:${settings.port}`, settings.secrets);
const answers = new Map<string, number>();
const waits: number[] = [];
let paid = 0;

await prepare();
const before = await client.stock(SKU);
const wanted = before.available;
const startedAt = Date.now();
await rush();
await settle();
await report();

async function prepare(): Promise<void> {
  await client.defineSale(SALE, SKU, { stock, holdSeconds: HOLD_SECONDS }).catch((cause: unknown) => {
    fail(
      `Nothing to rush at: ${cause instanceof Error ? cause.message : String(cause)}. Start the server first: npm start`,
    );
  });
  const { available } = await client.stock(SKU);
  if (available < stock) await client.restock(SKU, stock - available);
  console.log(
    `${buyers} buyers for ${stock} units of ${SKU} in the sale ${SALE}; ${Math.round(abandon * 100)} % of holders walk away.`,
  );
}

/** Everybody presses Buy, at first all at once; who was too late presses again while there may be something left. */
async function rush(): Promise<void> {
  const run = `${Date.now()}`;
  let waiting = Array.from({ length: buyers }, (_, index) => ({
    name: `rush-${run}-${index}`,
    walks: index % 100 < abandon * 100,
  }));
  const progress = setInterval(() => void show(), 500);
  try {
    while (waiting.length > 0 && Date.now() - startedAt < RUSH_MS_MAX) {
      const again: typeof waiting = [];
      await inParallel(waiting, CONNECTIONS, async (buyer) => {
        if (await visit(buyer)) again.push(buyer);
      });
      const { available, held } = await client.stock(SKU);
      if (available === 0 && held === 0) break;
      waiting = again;
      await sleep(RETRY_MS);
    }
  } finally {
    clearInterval(progress);
    await show();
    if (process.stdout.isTTY) process.stdout.write("\n");
  }
}

/** One press. True when it came too late and is worth another. */
async function visit({ name, walks }: { name: string; walks: boolean }): Promise<boolean> {
  const token = await client.token(name);
  const at = performance.now();
  const { status, body } = await client.order(token, SALE, SKU);
  waits.push(performance.now() - at);
  count(status === 201 ? "201" : `${status} ${body.code ?? ""}`);
  if (status !== 201) return true;
  if (walks) return false;
  const payment = await client.startPayment(token, body.id);
  if (payment && (await client.approve(payment))) paid++;
  return false;
}

function count(answer: string): void {
  answers.set(answer, (answers.get(answer) ?? 0) + 1);
}

async function show(): Promise<void> {
  const { sold, held } = await client.stock(SKU);
  const done = Math.min(1, (sold - before.sold) / wanted);
  const bar = "█".repeat(Math.round(done * 30)).padEnd(30, "░");
  const line = `${bar} ${sold - before.sold}/${wanted} sold, ${held} held, ${waits.length} presses`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(80)}`);
  else console.log(line);
}

function isStuck({ state, pay_by }: OrderBody): boolean {
  return state === "paying" || (state === "pending" && Date.parse(pay_by) < Date.now());
}

/** Callbacks, expiries and D1's copy are given their time. */
async function settle(): Promise<void> {
  const deadline = Date.now() + QUIET_MS_MAX;
  while (Date.now() < deadline) {
    const { held } = await client.stock(SKU);
    const orders = held === 0 ? await client.orders(SALE) : [];
    if (held === 0 && !orders.some(isStuck) && orders.filter(({ state }) => state === "paid").length >= paid)
      return;
    await sleep(RETRY_MS);
  }
}

async function report(): Promise<void> {
  const { initial, restocked, available, held, sold } = await client.stock(SKU);
  const orders = await client.orders(SALE);
  const paidOrders = orders.filter(({ state }) => state === "paid").length;
  const stuck = orders.filter(isStuck).length;
  const oversold = Math.max(0, paidOrders - (initial + restocked), sold - (initial + restocked));
  const unsold = available + held;
  const undersold = waits.length > 0 && buyers * (1 - abandon) >= wanted ? unsold : 0;
  const sorted = waits.toSorted((a, b) => a - b);
  const percentile = (share: number): string =>
    `${Math.round(sorted[Math.floor(sorted.length * share)] ?? 0)} ms`;
  const failures = [...answers]
    .filter(([answer]) => answer.startsWith("5"))
    .reduce((total, [, times]) => total + times, 0);
  const rows: [string, string | number][] = [
    ["took", `${((Date.now() - startedAt) / 1_000).toFixed(1)} s`],
    ["presses of Buy", waits.length],
    ...[...answers]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([answer, times]): [string, number] => [`  ${answer}`, times]),
    ["answer p50 / p99", `${percentile(0.5)} / ${percentile(0.99)}`],
    ["sold (this rush)", `${sold - before.sold} of ${wanted}`],
    ["paid orders in D1", paidOrders],
    ["units sold in all", sold],
    ["oversold", oversold],
    ["stuck", stuck],
    ["undersold", undersold],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(20)} ${value}`);
  const wrong =
    oversold > 0 ||
    stuck > 0 ||
    undersold > 0 ||
    failures > 0 ||
    paidOrders !== sold ||
    initial + restocked !== unsold + sold;
  console.log(wrong ? "\nSomething is wrong: see above." : "\nExactly what there was is sold.");
  process.exit(wrong ? 1 : 0);
}
