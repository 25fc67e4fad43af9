import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Client } from "../../worker/local/client.ts";
import { serveBundle } from "../../worker/local/miniflare.ts";
import { wrangler } from "../../worker/local/wrangler.ts";
import type { Load, Loaded } from "./load.ts";

/**
 * The hot path over HTTP: orders of one SKU with stock left, each with a token of its own, its body validated and its row in
 * the journal before the answer; beside it, in turn, a Worker that only calls an empty method of an object.
 */
const ROUNDS = 7;
const WARM_UP = 3_000;
const REQUESTS = 12_000;
const CONNECTIONS = 128;

const SECRETS = {
  ADMIN_KEY: "bench-admin-key",
  BUYER_TOKEN_SECRET: "bench-buyer-token-secret-of-32-bytes",
  SANDBOX_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
};
const SALE = "bench";
const SKU = "bench-lamp";

const dir = mkdtempSync(join(tmpdir(), "doorbuster-bench-"));
let buyers = 0;
const [ours, bare] = [await freePort(), await freePort()];
wrangler("d1", "migrations", "apply", "DB", "--local", "--persist-to", join(dir, "state"));
const bindings = { ...SECRETS, RATE_LIMIT: "off", ALLOWED_ORIGINS: "" };
const servers = [
  await serveBundle({
    config: "wrangler.toml",
    port: ours,
    outDir: join(dir, "bundle"),
    stateDir: join(dir, "state"),
    bindings,
  }),
  await serveBundle({
    config: "test/bench/bare/wrangler.toml",
    port: bare,
    outDir: join(dir, "bare"),
    stateDir: join(dir, "bare-state"),
    bindings: {},
  }),
];
const client = new Client(`http://127.0.0.1:${ours}`, SECRETS);
await client.defineSale(SALE, SKU, { stock: 10_000_000, holdSeconds: 86_400 });

console.log(
  `Orders with stock left beside an empty object call: ${ROUNDS} rounds of ${REQUESTS} requests over ${CONNECTIONS} connections.`,
);
const nothing = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
await load(ours, await orders(WARM_UP), "201");
await load(
  bare,
  Array.from({ length: WARM_UP }, () => nothing),
  "200",
);

const rows: { ours: number; bare: number; ratio: number }[] = [];
for (let round = 1; round <= ROUNDS; round++) {
  const requests = await orders(REQUESTS);
  const a = await load(ours, requests, "201");
  const b = await load(
    bare,
    Array.from({ length: REQUESTS }, () => nothing),
    "200",
  );
  rows.push({ ours: a, bare: b, ratio: a / b });
  console.log(
    `  round ${round}: orders ${perSecond(a)}, empty call ${perSecond(b)}, ratio ${(a / b).toFixed(2)}`,
  );
}
const stock = await client.stock(SKU);
const asked = WARM_UP + ROUNDS * REQUESTS;
if (stock.held !== asked) throw new Error(`${asked} orders were placed and ${stock.held} units are held`);
await Promise.all(servers.map((server) => server.dispose()));
rmSync(dir, { recursive: true, force: true });

const ratio = median(rows.map((row) => row.ratio));
console.log(`\nmedian of ratios: ${ratio.toFixed(2)}`);
writeFileSync(join(import.meta.dirname, "RESULTS.md"), results());

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(address && typeof address === "object" ? address.port : 0));
    });
  });
}

/** Requests of as many buyers, each with a token and a key of their own, made before the clock runs. */
function orders(count: number): Promise<string[]> {
  const body = JSON.stringify({ sale: SALE, lines: [{ sku: SKU, quantity: 1 }] });
  return Promise.all(
    Array.from({ length: count }, async () => {
      const buyer = `bench-${++buyers}`;
      const head = [
        "POST /v1/orders HTTP/1.1",
        "Host: 127.0.0.1",
        `Authorization: Bearer ${await client.token(buyer)}`,
        `Idempotency-Key: key-${buyer}`,
        "Content-Type: application/json",
        `Content-Length: ${body.length}`,
      ];
      return `${head.join("\r\n")}\r\n\r\n${body}`;
    }),
  );
}

/** Requests a second; every one of them must have been answered with the same status. */
async function load(port: number, requests: readonly string[], status: string): Promise<number> {
  const { tookMs, statuses } = await new Promise<Loaded>((resolve, reject) => {
    const workerData: Load = { port, connections: CONNECTIONS, requests };
    const worker = new Worker(new URL("load.ts", import.meta.url), { workerData });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  if (statuses[status] !== requests.length) throw new Error(`not all ${status}: ${JSON.stringify(statuses)}`);
  return (requests.length / tookMs) * 1_000;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString("en")}/s`;
}

function results(): string {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
  const table = rows.map(
    (row, index) =>
      `| ${index + 1} | ${perSecond(row.ours)} | ${perSecond(row.bare)} | ${row.ratio.toFixed(2)} |`,
  );
  return `# Results

Made by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}, commit ${commit}; ${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, the fast local server
(Miniflare with a direct socket), load from the same machine over loopback.

## Orders over HTTP with stock left

One SKU, ${REQUESTS.toLocaleString("en")} requests a round over ${CONNECTIONS} connections. An order: token verified (HS256), body validated, limits and stock decided, row of the
hash-chained journal on disk before the answer, one object call. Beside it, in turn, a Worker that calls an empty method of one object.

| round | orders | empty object call | ratio |
|---|---|---|---|
${table.join("\n")}

**Median of ratios: ${ratio.toFixed(2)}.**
`;
}
