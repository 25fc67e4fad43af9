import { fasterOnes, inTurn, perSecond, type Contender, type Scenario, type Section } from "../harness.ts";
import { clientOf, CONNECTIONS, load, orders, serveBare, serveOurs, type Served } from "../ours.ts";
import { missing, servePeer } from "../peers/all.ts";
import { PEERS } from "../peers/peer.ts";
import { whyFaster } from "../peers/reasons.ts";

/** Orders over HTTP: token verified, body validated, decided and on disk before the answer. */
const ROUNDS = 5;
const REQUESTS = 6_000;
const SALE = "bench";
const SKU = "bench-lamp";
const PLENTY = 10_000_000;
/** One row a unit: what that peer must be given beforehand. */
const UNITS = 200_000;

async function compare(stock: number, status: "201" | "409", names: readonly (typeof PEERS)[number][]) {
  const ours = await serveOurs();
  const client = clientOf(ours);
  await client.defineSale(SALE, SKU, { stock: Math.max(1, stock), holdSeconds: 86_400, gates: 0 });
  if (stock === 0) await load(ours.port, await orders(client, SALE, SKU, 1), "201");
  const bare = await serveBare("call");
  const byHand = await serveBare(status === "201" ? "keep" : "refuse");
  const there = names.filter((name) => missing(name) === null);
  const peers: Served[] = [];
  for (const name of there)
    peers.push(await servePeer(name, name === "pg-skip-locked" ? Math.min(stock, UNITS) : stock));
  const measure = (port: number, expected: string) => async (): Promise<number> =>
    load(port, await orders(client, SALE, SKU, REQUESTS), expected);
  const contenders: Contender[] = [
    { name: "Doorbuster", measure: measure(ours.port, status) },
    { name: "empty object call", measure: measure(bare.port, "200") },
    { name: "by hand", measure: measure(byHand.port, "200") },
    ...there.map((name, at) => ({ name, measure: measure(peers[at]?.port ?? 0, status) })),
  ];
  const compared = await inTurn(contenders, ROUNDS);
  await Promise.all([ours, bare, byHand, ...peers].map((served) => served.dispose()));
  const rows = compared.map(({ name, rate, ratio }) => [name, perSecond(rate), ratio.toFixed(2)]);
  const skipped = names
    .filter((name) => !there.includes(name))
    .map((name) => [name, missing(name) ?? "", ""]);
  return { rows: [...rows, ...skipped], end: fasterOnes(compared, whyFaster) };
}

const text = (what: string): string =>
  `${what} ${REQUESTS.toLocaleString("en")} requests a round over ${CONNECTIONS} connections, the same bytes to everybody; every request a buyer, a
token and a key of its own. Rate limits and our line a request are off (\`REQUEST_LOG=off\`). Peers answer through Hono on Node. \`ratio\`: our rate divided by theirs, median of ${ROUNDS} rounds in turn.`;

export const withStockLeft: Scenario = {
  name: "orders",
  async run(): Promise<Section> {
    const compared = await compare(PLENTY, "201", PEERS);
    return {
      title: "Orders over HTTP with stock left",
      text: text(
        "One SKU. Ours are copied to D1 by queue at the same time, in the same process and thread; the peers have no copy. `by hand` is the bare runtime doing what no order can do without: the token checked, the body read, one call of an object, a row on disk before the answer, and no rule, no framework and no copy.",
      ),
      head: ["", "rate", "ratio"],
      ...compared,
    };
  },
};

/** The same orders with gates before the SKU. Here a gate is one more call in the same thread; where it has a machine of its own, it is not. */
export const throughGates: Scenario = {
  name: "gates",
  async run(): Promise<Section> {
    const served = await serveOurs();
    const client = clientOf(served);
    const contenders: Contender[] = [];
    for (const gates of [0, 1, 4, 16]) {
      const [sale, sku] = [`gates-${gates}`, `lamp-${gates}`];
      await client.defineSale(sale, sku, { stock: PLENTY, holdSeconds: 86_400, gates });
      contenders.push({
        name: gates === 0 ? "no gate" : `${gates} ${gates === 1 ? "gate" : "gates"}`,
        measure: async () => load(served.port, await orders(client, sale, sku, REQUESTS), "201"),
      });
    }
    const compared = await inTurn(contenders, ROUNDS);
    await served.dispose();
    return {
      title: "Orders through gates",
      text: text(
        "One SKU with stock left, with gates before it. Locally all objects share one thread, so what a gate saves the SKU it costs here.",
      ),
      head: ["", "rate", "ratio"],
      rows: compared.map(({ name, rate, ratio }) => [name, perSecond(rate), ratio.toFixed(2)]),
    };
  },
};

export const soldOut: Scenario = {
  name: "sold-out",
  async run(): Promise<Section> {
    const compared = await compare(0, "409", ["redis-always", "pg-for-update"]);
    return {
      title: "Orders over HTTP, sold out",
      text: text(
        "One SKU of which nothing is free; token and body are checked all the same. `by hand` is the bare runtime checking token and body and calling nothing.",
      ),
      head: ["", "rate", "ratio"],
      ...compared,
    };
  },
};
