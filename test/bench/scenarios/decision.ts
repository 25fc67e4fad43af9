import { orderIdOf, skuNumberOf } from "../../../schema/ids.ts";
import { inTurn, perSecond, progress, type Contender, type Scenario, type Section } from "../harness.ts";
import { serve, type Served } from "../ours.ts";
import { missing, startPeer } from "../peers/all.ts";
import { CONFIG, configure, drive } from "./decision-worker.ts";
import type { Peer, PeerHold, PeerName } from "../peers/peer.ts";

/**
 * The point where stock is decided, without HTTP: a SkuActor by RPC, Redis by pipeline. Full semantics on both sides, durable
 * before the answer, a fresh buyer and a fresh key for every hold.
 */
const ROUNDS = 5;
const PEERS: readonly PeerName[] = ["redis-always", "redis-everysec"];
/** Holds of one call, how many of a round, and calls under way at once. */
const SIZES = [
  { batch: 1, count: 5_000, inFlight: 64 },
  { batch: 10, count: 20_000, inFlight: 16 },
  { batch: 100, count: 60_000, inFlight: 4 },
  { batch: 1_000, count: 240_000, inFlight: 2 },
] as const;
type Size = (typeof SIZES)[number];

const WHY = `In small batches what counts is the way there: a call of an object, with its turn of the event loop, costs more than a command in a pipeline, and Redis
writes whatever one read of its socket brought as one. In large batches it is the decision, which is a step in memory for us and a script for Redis. \`everysec\` answers before the disk does.`;

let serial = 0;

export const decision: Scenario = {
  name: "decision",
  async run(): Promise<Section> {
    const served = await serve(CONFIG);
    const there = PEERS.filter((name) => missing(name) === null);
    const peers = await Promise.all(there.map((name) => startPeer(name)));
    const rows: string[][] = [];
    const faster: string[] = [];
    for (const size of SIZES) {
      progress(`batches of ${size.batch}`);
      const contenders = [
        { name: "SkuActor", measure: () => driveOurs(served, size) },
        ...peers.map((peer, at): Contender => ({
          name: there[at] ?? "",
          measure: () => drivePeer(peer, size),
        })),
      ];
      const compared = await inTurn(contenders, ROUNDS);
      const cells = PEERS.map((name) => {
        const found = compared.find((candidate) => candidate.name === name);
        return found ? `${perSecond(found.rate)} (${found.ratio.toFixed(2)})` : (missing(name) ?? "");
      });
      for (const { name, ratio } of compared)
        if (ratio < 1) faster.push(`${name} ${(1 / ratio).toFixed(2)} times at ${size.batch}`);
      rows.push([String(size.batch), perSecond(compared[0]?.rate ?? 0), ...cells]);
    }
    await Promise.all([served.dispose(), ...peers.map((peer) => peer.stop())]);
    return {
      title: "Where stock is decided",
      text: `Holds a second, in batches, without HTTP: a SkuActor by RPC from a Worker beside it (its journal published and acknowledged meanwhile), Redis by pipeline.
Our batches are written down before the clock runs and their answers are read after it, which a gate does on a machine of its own; Redis' client does it meanwhile, on a core of its own.
Idempotency key, limit per buyer, time to live and the order's record on both sides, on disk before the answer (\`everysec\`: within a second after it).
In brackets our rate divided by theirs, median of ${ROUNDS} rounds in turn.`,
      head: ["batch", "SkuActor", ...PEERS],
      rows,
      ...(faster.length > 0 && { end: `Faster than we are: ${faster.join(", ")}. ${WHY}` }),
    };
  },
};

/** Every round has a SKU of its own, as the peers are emptied: what holds cost that are there already is another scenario. */
async function driveOurs(served: Served, { batch, count, inFlight }: Size): Promise<number> {
  const sku = `lamp-${(serial += count)}`;
  await configure(served, sku);
  return drive(served, { from: serial, count, batch, inFlight }, sku);
}

async function drivePeer(peer: Peer, { batch, count, inFlight }: Size): Promise<number> {
  await peer.reset(100_000_000);
  const now = Date.now();
  serial += count;
  const batches = Array.from({ length: count / batch }, (_, at) =>
    Array.from({ length: batch }, (__, n) => holdOf(serial + at * batch + n, now)),
  );
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let holds = batches[next++]; holds; holds = batches[next++]) {
      const answers = await peer.holdMany(holds);
      if (answers.some(({ code }) => code !== "held")) throw new Error("not all were held");
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (count / (performance.now() - startedAt)) * 1_000;
}

function holdOf(n: number, createdAt: number): PeerHold {
  const chance = new Uint8Array(5);
  new DataView(chance.buffer).setUint32(1, n);
  const holdMs = 86_400_000;
  const amount = { amount: 19_900, currency: "CNY" };
  const placement = {
    order: orderIdOf(skuNumberOf("bench-lamp"), createdAt, chance),
    sale: "bench",
    buyer: `buyer-${n}`,
    lines: [{ sku: "bench-lamp", name: "Lamp", quantity: 1, unitPrice: amount }],
    amount,
    createdAt,
    payBy: createdAt + holdMs,
  };
  return { placement, quantity: 1, key: `key-${n}`, fingerprint: "f".repeat(32), holdMs, perBuyerMax: 1 };
}
