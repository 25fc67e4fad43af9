import { setTimeout as sleep } from "node:timers/promises";
import { inParallel } from "../../../worker/local/client.ts";
import { KINDS, type Counts, type Report } from "../counting/counts.ts";
import { dollarsPerMillion, PRICES, PRICES_READ_ON } from "../counting/prices.ts";
import { descendantsOf, fsyncsOf, hasStrace, ownerOf } from "../fsyncs.ts";
import { progress, type Scenario, type Section } from "../harness.ts";
import { clientOf, CONNECTIONS, loaded, orders, serveOurs, type Served } from "../ours.ts";
import { purchase } from "./purchase.ts";

/** Counts, not times: what each kind of request costs on disk and on the bill. */
const SALE = "counted";
const SKU = "counted-lamp";
const BUYERS = 32;
const SOLD = 100;
const ABANDONED = 500;
const REFUSED = 5_000;
/** Of an order that nobody pays. */
const HOLD_SECONDS = 5;
/** Longer than the first repeat of work, the last alarm, and what the runtime needs to close an idle object. */
const SETTLED_AFTER_MS = 13_000;

interface Kind {
  readonly name: string;
  readonly times: number;
  readonly work: () => Promise<void>;
}

interface Counted {
  readonly kind: Kind;
  readonly counts: Counts;
  /** Null where nothing can count them. */
  readonly fsyncs: number | null;
}

export const costs: Scenario = {
  name: "costs",
  async run(): Promise<Section> {
    const served = await serveOurs("test/bench/counting/worker.ts");
    const client = clientOf(served);
    const sell = (name: string, stock: number, holdSeconds: number): Promise<void> =>
      client.defineSale(`${SALE}-${name}`, `${SKU}-${name}`, { stock, holdSeconds, gates: 0 });
    const order = async (name: string, times: number, status: string): Promise<void> => {
      const requests = await orders(client, `${SALE}-${name}`, `${SKU}-${name}`, times);
      await loaded({ port: served.port, connections: CONNECTIONS, requests }, status);
    };
    await sell("sold", SOLD, 3_600);
    await sell("abandoned", ABANDONED, HOLD_SECONDS);
    await sell("refused", 1, 3_600);
    await order("refused", 1, "201");
    await sleep(SETTLED_AFTER_MS);

    const kinds: Kind[] = [
      {
        name: "sold order",
        times: SOLD,
        work: () =>
          inParallel(Array.from({ length: SOLD }), BUYERS, () =>
            purchase(client, `${SALE}-sold`, `${SKU}-sold`),
          ),
      },
      { name: "abandoned order", times: ABANDONED, work: () => order("abandoned", ABANDONED, "201") },
      { name: "refused request", times: REFUSED, work: () => order("refused", REFUSED, "409") },
    ];
    const all: Counted[] = [];
    for (const kind of kinds) {
      progress(`counting: ${kind.name}`);
      all.push(await count(served, kind));
    }
    await served.dispose();
    return sectionOf(all);
  },
};

async function count(served: Served, kind: Kind): Promise<Counted> {
  const before = await reportOf(served);
  const work = async (): Promise<void> => {
    await kind.work();
    await sleep(SETTLED_AFTER_MS);
  };
  const fsyncs = hasStrace() ? await fsyncsOf(descendantsOf(process.pid, "workerd"), work) : null;
  if (!fsyncs) await work();
  const after = await reportOf(served);
  const counts = Object.fromEntries(
    KINDS.map((name) => [name, after.product[name] - before.product[name]]),
  ) as Record<keyof Counts, number>;
  return {
    kind,
    counts,
    fsyncs: fsyncs && fsyncs.filter(({ path }) => ownerOf(path) !== "SandboxBank").length,
  };
}

async function reportOf({ port }: Served): Promise<Report> {
  const answer = await fetch(`http://127.0.0.1:${port}/counts`);
  return answer.json<Report>();
}

function sectionOf(all: readonly Counted[]): Section {
  const each = (total: number, times: number): string => {
    const one = total / times;
    return one === 0 ? "0" : one < 0.01 ? one.toFixed(4) : one.toFixed(2);
  };
  const rows = [
    [
      "fsyncs, on the local runtime",
      ...all.map(({ fsyncs, kind }) =>
        fsyncs === null ? "skipped, install strace" : each(fsyncs, kind.times),
      ),
    ],
    ...KINDS.map((name) => [
      PRICES[name].name,
      ...all.map(({ counts, kind }) => each(counts[name], kind.times)),
    ]),
    [
      "US dollars a million",
      ...all.map(({ counts, kind }) => dollarsPerMillion(counts, kind.times).toFixed(2)),
    ],
  ];
  return {
    title: "What it costs, counted",
    text: `Of each: ${all.map(({ kind }) => `${kind.times.toLocaleString("en")} times "${kind.name}"`).join(", ")}. The production Worker between counters: calls and alarms of objects, rows as the cursors of
their SQL say, with a row for each alarm that is set, 64 KB operations of queues (write, read, delete), rows as D1 says, requests and batches of the Worker. A sold order is paid
by transfer, with its callback, until nothing is left to do; an abandoned one is held, expires after ${HOLD_SECONDS} s and is shown as expired; a refused request asks for what is sold out, over
${CONNECTIONS} connections. The sandbox bank's own are left out: in production the bank is somebody else's. Left out too: CPU time, duration of objects, storage, and the included amounts of the plan.`,
    head: ["of each", ...all.map(({ kind }) => kind.name)],
    rows,
    end: `${refusedWithoutCall(all)}\n\n${pricesOf()}`,
  };
}

function refusedWithoutCall(all: readonly Counted[]): string {
  const refused = all.find(({ kind }) => kind.name === "refused request");
  const calls = refused?.counts.objectRequests ?? 0;
  return `Of ${REFUSED.toLocaleString("en")} requests for what is sold out, ${calls.toLocaleString("en")} calls reached an object: ${(100 - (100 * calls) / REFUSED).toFixed(2)} of a hundred were refused without one.`;
}

function pricesOf(): string {
  const lines = [
    `| price on ${PRICES_READ_ON} | US dollars a million | page |`,
    "| --- | --- | --- |",
    ...KINDS.map((name) => `| ${PRICES[name].name} | ${PRICES[name].usd} | ${PRICES[name].page} |`),
  ];
  return lines.join("\n");
}
