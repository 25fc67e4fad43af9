import { Worker } from "node:worker_threads";
import {
  fasterOnes,
  median,
  perSecond,
  progress,
  type Compared,
  type Scenario,
  type Section,
} from "../harness.ts";
import { clientOf, load, orders, serveBare, serveOurs, type Served } from "../ours.ts";
import { missing, servePeer } from "../peers/all.ts";
import type { PeerName } from "../peers/peer.ts";
import { whyFaster } from "../peers/reasons.ts";
import type { Steady, Timed } from "../steady.ts";

/** How long an order takes when buyers come at half and at nine tenths of what a server can take, and go on coming. */
const ROUNDS = 3;
const SALE = "bench";
const SKU = "bench-lamp";
const PLENTY = 10_000_000;
/** Enough to find out what a server can take. */
const CLOSED_LOOP = 6_000;
const SECONDS = 4;
const CONNECTIONS = 512;
const PARTS = [0.5, 0.9] as const;
const PEERS: readonly PeerName[] = ["redis-always", "pg-for-update"];

interface Contender {
  readonly name: string;
  readonly served: Served;
  readonly status: string;
  readonly capacities: number[];
  /** Of each part of the capacity, the rounds. */
  readonly timed: readonly Timed[][];
}

const contender = (name: string, served: Served, status: string): Contender => ({
  name,
  served,
  status,
  capacities: [],
  timed: PARTS.map(() => []),
});

export const capacity: Scenario = {
  name: "capacity",
  async run(): Promise<Section> {
    const ours = await serveOurs();
    const client = clientOf(ours);
    await client.defineSale(SALE, SKU, { stock: PLENTY, holdSeconds: 86_400, gates: 0 });
    const contenders = [
      contender("Doorbuster", ours, "201"),
      contender("empty object call", await serveBare("call"), "200"),
    ];
    for (const name of PEERS.filter((peer) => missing(peer) === null))
      contenders.push(contender(name, await servePeer(name, PLENTY), "201"));

    // The first round warms up and does not count.
    for (let round = 0; round <= ROUNDS; round++)
      for (const one of contenders) {
        const { served, status, name } = one;
        const rate = await load(served.port, await orders(client, SALE, SKU, CLOSED_LOOP), status);
        if (round > 0) one.capacities.push(rate);
        for (const [index, part] of PARTS.entries()) {
          const requests = await orders(client, SALE, SKU, Math.round(rate * part * SECONDS));
          const timed = await steadily(
            { port: served.port, rate: rate * part, connections: CONNECTIONS, requests },
            status,
          );
          if (round > 0) one.timed[index]?.push(timed);
        }
        progress(`round ${round} of ${ROUNDS}: ${name} takes ${perSecond(rate)}`);
      }
    await Promise.all(contenders.map(({ served }) => served.dispose()));
    return {
      title: "Orders at half and at nine tenths of capacity",
      text: `One SKU with stock left. What each can take is found out anew in every round by ${CLOSED_LOOP.toLocaleString("en")} orders; then orders come at half and at nine tenths of that rate for ${SECONDS} s each,
whether the ones before have been answered or not. A time runs from the moment a request should have been sent, so that a stall counts for everybody who would have
come meanwhile. Medians of ${ROUNDS} rounds in turn. Each is loaded by its own capacity: a faster one answers more people in these times.`,
      head: [
        "",
        "capacity",
        ...PARTS.flatMap((part) => [`p50 at ${part * 100} %`, `p99 at ${part * 100} %`]),
      ],
      end: fasterOnes(contenders.map(comparedWith(contenders[0])), whyFaster),
      rows: [
        ...contenders.map(rowOf),
        ...PEERS.map((name) => [name, missing(name) ?? ""]).filter(([, without]) => without !== ""),
      ],
    };
  },
};

const comparedWith =
  (first: Contender | undefined) =>
  ({ name, capacities }: Contender): Compared => ({
    name,
    rate: median(capacities),
    ratio: median(capacities.map((rate, round) => (first?.capacities[round] ?? 0) / rate)),
  });

function rowOf({ name, capacities, timed }: Contender): string[] {
  const cells = timed.flatMap((rounds) => [
    `${median(rounds.map(({ p50Ms }) => p50Ms)).toFixed(1)} ms`,
    `${median(rounds.map(({ p99Ms }) => p99Ms)).toFixed(1)} ms`,
  ]);
  return [name, perSecond(median(capacities)), ...cells];
}

async function steadily(workerData: Steady, status: string): Promise<Timed> {
  const end = await new Promise<Timed>((resolve, reject) => {
    const worker = new Worker(new URL("../steady.ts", import.meta.url), { workerData });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  if (end.statuses[status] !== workerData.requests.length)
    throw new Error(`not all ${status}: ${JSON.stringify(end.statuses)}`);
  return end;
}
