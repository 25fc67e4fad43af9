import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Client } from "../../worker/local/client.ts";
import { serveBundle } from "../../worker/local/miniflare.ts";
import { wrangler } from "../../worker/local/wrangler.ts";
import type { Does } from "./bare/worker.ts";
import type { Load, Loaded } from "./load.ts";

/** The product on the fast local server, as `npm run serve` starts it, and what its buyers send. */

export const SECRETS = {
  ADMIN_KEY: "bench-admin-key",
  BUYER_TOKEN_SECRET: "bench-buyer-token-secret-of-32-bytes",
  WEBHOOK_SECRET: "a-webhook-secret-of-thirty-two-bytes",
  SANDBOX_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
};
export const CONNECTIONS = 128;

export interface Served {
  readonly port: number;
  dispose(): Promise<void>;
}

export interface Restartable extends Served {
  /** Ends it and starts it again on what it has kept. `meanwhile` may look at that. */
  restart(meanwhile?: (stateDir: string) => void): Promise<Restartable>;
}

/** Serves a Worker from a folder of its own, which goes with it. */
export async function serve(
  config: string,
  bindings: Record<string, string> = {},
  dir = mkdtempSync(join(tmpdir(), "doorbuster-bench-")),
  outbound?: (request: Request) => Promise<Response>,
  script?: string,
): Promise<Restartable> {
  const port = await freePort();
  const state = { outDir: join(dir, "bundle"), stateDir: join(dir, "state") };
  if (config === "wrangler.toml")
    wrangler("d1", "migrations", "apply", "DB", "--local", "--persist-to", state.stateDir);
  const server = await serveBundle({
    config,
    port,
    ...state,
    bindings,
    ...(outbound && { outbound }),
    ...(script && { script }),
  });
  return {
    port,
    async dispose() {
      await server.dispose();
      rmSync(dir, { recursive: true, force: true });
    },
    async restart(meanwhile) {
      await server.dispose();
      meanwhile?.(state.stateDir);
      return serve(config, bindings, dir, outbound, script);
    },
  };
}

/** @param script stands in for the product's own entry. */
export const serveOurs = (script?: string): Promise<Served> => {
  const vars = { ...SECRETS, RATE_LIMIT: "off", REQUEST_LOG: "off", ALLOWED_ORIGINS: "" };
  return serve("wrangler.toml", vars, undefined, undefined, script);
};

/** The runtime without us, doing one of these. */
export const serveBare = (does: Does): Promise<Served> =>
  serve("test/bench/bare/wrangler.toml", {
    DOES: does,
    BUYER_TOKEN_SECRET: SECRETS.BUYER_TOKEN_SECRET,
  });

export const clientOf = ({ port }: Served): Client => new Client(`http://127.0.0.1:${port}`, SECRETS);

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(address && typeof address === "object" ? address.port : 0));
    });
  });
}

let buyers = 0;

/** Requests of as many buyers, each with a token and a key of their own, made before the clock runs. */
export function orders(client: Client, sale: string, sku: string, count: number): Promise<string[]> {
  const body = JSON.stringify({ sale, lines: [{ sku, quantity: 1 }] });
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
export async function load(port: number, requests: readonly string[], status: string): Promise<number> {
  const { tookMs } = await loaded({ port, connections: CONNECTIONS, requests }, status);
  return (requests.length / tookMs) * 1_000;
}

/** What a load came to, each answer of which must have been of this status. */
export async function loaded(workerData: Load, status: string): Promise<Loaded> {
  const end = await new Promise<Loaded>((resolve, reject) => {
    const worker = new Worker(new URL("load.ts", import.meta.url), { workerData });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  if (end.statuses[status] !== workerData.requests.length)
    throw new Error(`not all ${status}: ${JSON.stringify(end.statuses)}`);
  return end;
}
