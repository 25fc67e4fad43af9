import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, inParallel, type OrderBody, type StockBody } from "./client.ts";
import { fail, readSettings } from "./settings.ts";

/** `npm run rush`: thousands of buyers at the running system, and at the end a report read from the system itself. */

/** A sale of its own, made on first use: its holds are short, so that what is abandoned comes back while people still want it. */
const SALE = "rush-hour";
const SKU = "rush-lamp";
/** Requests under way at once: as many as one machine's loopback takes without queueing in the client. */
const CONNECTIONS = 200;
/** A rush that has not sold out by then reports what it has. */
const RUSH_MS_MAX = 120_000;
const RETRY_MS = 500;
const RETRY_MS_MAX = 2_000;
const QUIET_MS_MAX = 30_000;

const USAGE = `Usage: npm run rush -- [options]
  --buyers 3000        how many press Buy
  --stock 100          units on sale when it begins; restocked to that many, no more than buyers
  --abandon 0.3        share of the holders who walk away
  --pay 1              share of the others who pay; the rest leave a payment open at the bank
  --sale, --sku        an existing sale and its SKU, instead of the rush's own "${SALE}"
  --hold-seconds 5     how long a hold lasts in the rush's own sale
  --url                http://127.0.0.1:8787; only this machine`;

const { sale, sku, buyers, stock, abandon, pay, holdSeconds, url } = readOptions();
const own = sale === SALE;
const settings = readSettings();
const client = makeClient();
const answers = new Map<string, number>();
const waits: number[] = [];
/** Buyers who wanted one to the end and got none. */
let disappointed = 0;
/** Nothing is free and nothing can come back: who still waits need not press again. */
let allSold = false;

await prepare();
const before = await look();
const wanted = before.stock.available;
const startedAt = Date.now();
await rush();
const after = await settle();
report();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        buyers: { type: "string", default: "3000" },
        stock: { type: "string", default: "100" },
        abandon: { type: "string", default: "0.3" },
        pay: { type: "string", default: "1" },
        sale: { type: "string", default: SALE },
        sku: { type: "string" },
        "hold-seconds": { type: "string", default: "5" },
        url: { type: "string" },
      },
    });
    const numbers = {
      buyers: Number(values.buyers),
      stock: Number(values.stock),
      abandon: Number(values.abandon),
      pay: Number(values.pay),
      holdSeconds: Number(values["hold-seconds"]),
    };
    const right =
      [numbers.buyers, numbers.stock, numbers.holdSeconds].every((n) => Number.isInteger(n) && n >= 1) &&
      numbers.buyers <= 100_000 &&
      numbers.stock <= numbers.buyers &&
      [numbers.abandon, numbers.pay].every((share) => share >= 0 && share <= 1) &&
      (values.sale === SALE || values.sku !== undefined);
    if (right) return { ...numbers, sale: values.sale, sku: values.sku ?? SKU, url: values.url };
  } catch {
    // An unknown option is told the same as a wrong one.
  }
  return fail(USAGE);
}

function makeClient(): Client {
  try {
    return new Client(url ?? `http://127.0.0.1:${settings.port}`, settings.secrets);
  } catch (cause) {
    return fail(cause instanceof Error ? `Refused: ${cause.message}.` : USAGE);
  }
}

async function prepare(): Promise<void> {
  try {
    if (own) await client.defineSale(sale, sku, { stock, holdSeconds });
    const { available } = await client.stock(sku);
    if (available < stock) await client.restock(sku, stock - available);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    fail(
      `Nothing to rush at: ${why}. Start the server first (npm start or npm run serve), with the same DATA_DIR.`,
    );
  }
  const walkers = Math.round(abandon * 100);
  console.log(
    `${buyers} buyers for at least ${stock} units of ${sku} in the sale ${sale}; ${walkers} % of holders walk away.`,
  );
  if (own)
    console.log(
      `The sale is the rush's own, with holds of ${holdSeconds} s; --sale and --sku name another one.`,
    );
}

/** Everybody presses Buy, at first all at once; who was too late presses again while there may be something left. */
async function rush(): Promise<void> {
  const run = `${Date.now()}`;
  let waiting = Array.from({ length: buyers }, (_, index) => `rush-${run}-${index}`);
  const progress = setInterval(() => void show(), 500);
  try {
    for (
      let pause = RETRY_MS;
      Date.now() - startedAt < RUSH_MS_MAX;
      pause = Math.min(pause * 1.5, RETRY_MS_MAX)
    ) {
      const again: string[] = [];
      await inParallel(waiting, CONNECTIONS, async (buyer) => {
        if (allSold || Date.now() - startedAt > RUSH_MS_MAX || (await visit(buyer))) again.push(buyer);
      });
      waiting = again;
      await show();
      if (waiting.length === 0 || allSold) break;
      await sleep(pause);
    }
  } finally {
    disappointed = waiting.length;
    clearInterval(progress);
    await show();
    if (process.stdout.isTTY) process.stdout.write("\n");
  }
}

/** One press. True when it came too late and is worth another. */
async function visit(buyer: string): Promise<boolean> {
  const token = await client.token(buyer);
  const at = performance.now();
  const { status, body } = await client.order(token, sale, sku).catch(() => ({ status: 0, body: null }));
  waits.push(performance.now() - at);
  count(status === 201 ? "201" : `${status} ${body?.code ?? "no answer"}`);
  if (status !== 201 || !body) return true;
  if (Math.random() < abandon) return false;
  const payment = await client.startPayment(token, body.id).catch(() => null);
  if (payment && Math.random() < pay) await client.approve(payment).catch(() => false);
  return false;
}

function count(answer: string): void {
  answers.set(answer, (answers.get(answer) ?? 0) + 1);
}

async function show(): Promise<void> {
  const seen = await client.stock(sku).catch(() => null);
  if (!seen) return;
  allSold = seen.available === 0 && seen.held === 0;
  const sold = seen.sold - before.stock.sold;
  const bar = "█".repeat(Math.round(Math.min(1, Math.max(0, sold / wanted)) * 30)).padEnd(30, "░");
  const line = `${bar} ${sold}/${wanted} sold, ${seen.held} held, ${waits.length} presses`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(80)}`);
  else console.log(line);
}

interface Seen {
  readonly stock: StockBody;
  /** Units of paid orders, as D1 lists them. */
  readonly paid: number;
  /** Orders that are neither final nor have time left to be paid in. */
  readonly stuck: number;
  /** Units held by orders that still have time left, and the latest end of that time. */
  readonly waiting: number;
  readonly waitingUntil: number;
}

/** What the system says of the SKU and of every order of it. */
async function look(): Promise<Seen> {
  const now = Date.now();
  const orders = await client.orders(sale);
  const unitsOf = (some: readonly OrderBody[]): number =>
    some.flatMap(({ lines }) => lines).reduce((sum, line) => sum + (line.sku === sku ? line.quantity : 0), 0);
  const open = orders.filter(({ state }) => state === "pending" || state === "paying");
  const inTime = open.filter(({ pay_by }) => Date.parse(pay_by) > now);
  return {
    stock: await client.stock(sku),
    paid: unitsOf(orders.filter(({ state }) => state === "paid")),
    stuck: open.length - inTime.length,
    waiting: unitsOf(inTime),
    waitingUntil: Math.max(0, ...inTime.map(({ pay_by }) => Date.parse(pay_by))),
  };
}

/** Units sold that no paid order of D1 accounts for. Before the rush it is what refunds have left behind. */
function unaccounted({ stock: { sold }, paid }: Seen): number {
  return sold - paid;
}

/** Callbacks, expiries and D1's copy are given their time; holds longer than that are left to themselves. */
async function settle(): Promise<Seen> {
  const deadline = Date.now() + QUIET_MS_MAX;
  for (;;) {
    const seen = await look();
    const quiet =
      seen.stuck === 0 &&
      seen.stock.held === seen.waiting &&
      (seen.waiting === 0 || seen.waitingUntil > deadline) &&
      unaccounted(seen) === unaccounted(before);
    if (quiet || Date.now() > deadline) return seen;
    await sleep(RETRY_MS);
  }
}

function report(): void {
  const { initial, restocked, available, held, sold } = after.stock;
  const oversold = Math.max(0, Math.max(sold, after.paid) - (initial + restocked));
  const undersold = disappointed > 0 ? available + Math.max(0, held - after.waiting) : 0;
  const sums = initial + restocked === available + held + sold;
  const sorted = waits.toSorted((a, b) => a - b);
  const percentile = (share: number): string =>
    `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)} ms`;
  const failures = [...answers]
    .filter(([answer]) => /^[05]/.test(answer))
    .reduce((total, [, times]) => total + times, 0);
  const rows: [string, string | number][] = [
    ["took", `${((Date.now() - startedAt) / 1_000).toFixed(1)} s`],
    ["presses of Buy", waits.length],
    ...[...answers]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([answer, times]): [string, number] => [`  ${answer}`, times]),
    ["answer p50 / p99", `${percentile(0.5)} / ${percentile(0.99)}`],
    ["sold (this rush)", `${sold - before.stock.sold} of ${wanted}`],
    ["sold (in all)", `${sold} of ${initial + restocked}, ${after.paid} in paid orders`],
    ["held", `${held}, ${after.waiting} with time left`],
    ["oversold", oversold],
    ["undersold", undersold],
    ["stuck", after.stuck],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(20)} ${value}`);
  const wrong = [
    oversold > 0 && "more was sold than there was",
    undersold > 0 && "units are left that somebody wanted",
    after.stuck > 0 && "orders are stuck",
    failures > 0 && "requests failed",
    !sums && "the stock does not add up",
    unaccounted(after) !== unaccounted(before) && "sold units and paid orders differ",
  ].filter((what) => what !== false);
  console.log(wrong.length > 0 ? `\nWrong: ${wrong.join("; ")}.` : "\nNothing oversold, undersold or stuck.");
  process.exit(wrong.length > 0 ? 1 : 0);
}
