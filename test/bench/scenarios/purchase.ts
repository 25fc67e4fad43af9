import { setTimeout as sleep } from "node:timers/promises";
import { inParallel, type Client } from "../../../worker/local/client.ts";
import { descendantsOf, fsyncsOf, hasStrace, ownerOf, type Fsync } from "../fsyncs.ts";
import {
  fasterOnes,
  inTurn,
  perSecond,
  progress,
  type Contender,
  type Scenario,
  type Section,
} from "../harness.ts";
import { clientOf, serveOurs, type Served } from "../ours.ts";
import { missing, serveShop } from "../peers/all.ts";

/** A whole purchase: order, payment, the bank's approval, its signed callback, paid, and paid in the list that staff look at. */
const ROUNDS = 5;
const PURCHASES = 300;
/** Buyers at once. */
const BUYERS = 32;
const SKU = "bench-lamp";
const PLENTY = 10_000_000;
const POLL_MS = 50;
/** Purchases whose fsyncs are counted, and how long their objects are watched after: until the runtime has closed them. */
const COUNTED = 200;
const CLOSED_AFTER_MS = 14_000;

const WHY =
  "Each of our orders is an object with a database file of its own, which SQLite makes and closes by eight fsyncs, and locally every commit of every object stops the one thread that serves all of them. PostgreSQL has one log, which many buyers' commits share. Our list is a second database behind a queue that gathers for up to a second, which a round waits for at its end; its list is a row of the same transaction. Where objects run on the platform each has a thread and a log of its own.";

let sales = 0;
let buyers = 0;

/** Buys so often in a sale of its own, and returns once the list has all of it. */
async function purchases(served: Served, count: number, define: boolean): Promise<void> {
  const client = clientOf(served);
  const sale = `purchase-${++sales}`;
  const sku = `${SKU}-${sales}`;
  if (define) await client.defineSale(sale, sku, { stock: PLENTY, holdSeconds: 86_400, gates: 0 });
  await inParallel(Array.from({ length: count }), BUYERS, () => purchase(client, sale, sku));
  while ((await paidIn(client, sale)) < count) await sleep(POLL_MS);
}

/** Order, payment and approval, at either side. */
export async function purchase(client: Client, sale: string, sku: string): Promise<void> {
  const token = await client.token(`purchaser-${++buyers}`);
  const { status, body } = await client.order(token, sale, sku);
  if (status !== 201) throw new Error(`an order was answered with ${status}`);
  const payment = await client.startPayment(token, body.id);
  if (payment === null || !(await client.approve(payment))) throw new Error("a payment was refused");
}

const paidIn = async (client: Client, sale: string): Promise<number> =>
  (await client.orders(sale)).filter(({ state }) => state === "paid").length;

/** What each of our fsyncs is for, in the order in which a purchase comes to them. */
const PARTS: readonly [name: string, belongs: (fsync: Fsync, owner: string) => boolean][] = [
  ["stock: the SKU's journal", (_, owner) => owner === "SkuActor"],
  [
    "the order's file: made by SQLite",
    ({ purpose }, owner) => owner === "OrderActor" && purpose === "making",
  ],
  ["the order: its transactions", ({ purpose }, owner) => owner === "OrderActor" && purpose === "commit"],
  [
    "the order's file: closed by SQLite",
    ({ purpose }, owner) => owner === "OrderActor" && purpose === "closing",
  ],
  ["alarms: the runtime's table", (_, owner) => owner === "alarms"],
  ["the sandbox bank", (_, owner) => owner === "SandboxBank"],
  ["the read model: D1", (_, owner) => owner === "D1DatabaseObject"],
  ["anything else", () => true],
];

function partsOf(fsyncs: readonly Fsync[]): Map<string, number> {
  const counts = new Map(PARTS.map(([name]) => [name, 0]));
  for (const fsync of fsyncs) {
    const part = PARTS.find(([, belongs]) => belongs(fsync, ownerOf(fsync.path)))?.[0] ?? "";
    counts.set(part, (counts.get(part) ?? 0) + 1);
  }
  return counts;
}

async function counted(served: Served, runtime: string, define: boolean): Promise<Fsync[]> {
  // Whatever earlier purchases have left to do is not these purchases'.
  await sleep(CLOSED_AFTER_MS);
  return fsyncsOf(descendantsOf(process.pid, runtime), async () => {
    await purchases(served, COUNTED, define);
    await sleep(CLOSED_AFTER_MS);
  });
}

const each = (count: number): string => (count / COUNTED).toFixed(2);

export const purchaseScenario: Scenario = {
  name: "purchase",
  async run(): Promise<Section> {
    const ours = await serveOurs();
    const without = missing("pg-for-update");
    const peer = without === null ? await serveShop(PLENTY) : null;
    const measure = (served: Served, define: boolean) => async (): Promise<number> => {
      const startedAt = performance.now();
      await purchases(served, PURCHASES, define);
      return (PURCHASES / (performance.now() - startedAt)) * 1_000;
    };
    const contenders: Contender[] = [
      { name: "Doorbuster", measure: measure(ours, true) },
      ...(peer ? [{ name: "pg-for-update", measure: measure(peer, false) }] : []),
    ];
    const compared = await inTurn(contenders, ROUNDS);
    const [our, theirs] = compared;
    progress("counting fsyncs");
    const fsyncs = hasStrace() ? await counted(ours, "workerd", true) : null;
    const peerFsyncs = peer && hasStrace() ? await counted(peer, "postgres", false) : null;
    await Promise.all([ours.dispose(), peer?.dispose()]);

    const skipped = without ?? (hasStrace() ? "" : "skipped, install strace");
    const rows = [
      ["purchases", perSecond(our?.rate ?? 0), theirs ? perSecond(theirs.rate) : skipped],
      ["our rate / theirs", "1.00", theirs ? theirs.ratio.toFixed(2) : ""],
      [
        "fsyncs a purchase",
        fsyncs ? each(fsyncs.length) : skipped,
        peerFsyncs ? each(peerFsyncs.length) : skipped,
      ],
      ...[...partsOf(fsyncs ?? [])].map(([part, count]) => [`- ${part}`, fsyncs ? each(count) : "", ""]),
    ];
    return {
      title: "A whole purchase",
      text: `Order, payment, approval at the bank, the bank's signed callback over HTTP, paid, and shown as paid by the list of orders: ${PURCHASES} purchases a round by ${BUYERS} buyers at
once, until the list has all of them, ours from D1. Both sides keep the bank as well, with a database of its own; each step is on disk before it is answered. Medians of ${ROUNDS} rounds in turn.
Fsyncs are counted by strace in a run of its own with ${COUNTED} purchases, until the runtime has closed the orders' objects again.`,
      head: ["", "Doorbuster", "PostgreSQL, row lock"],
      rows,
      end: fasterOnes(compared, () => WHY),
    };
  },
};
