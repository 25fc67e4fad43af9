import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type OrderBody } from "../../worker/local/client.ts";
import { serveBuilt } from "../../worker/local/miniflare.ts";
import { prepared } from "./prepared.ts";
import { freePort, SECRETS, until } from "./server.ts";

type Answering = (request: Request) => Promise<Response>;

/** A merchant with accounts at real providers: the production bundle, and at the edge of its network somebody who answers for them. */
export class Merchant {
  readonly client: Client;
  /** Everything that was logged. */
  readonly lines: string[];
  readonly #server: { dispose(): Promise<void> };
  readonly #dir: string;
  #sales = 0;

  private constructor(client: Client, lines: string[], server: { dispose(): Promise<void> }, dir: string) {
    this.client = client;
    this.lines = lines;
    this.#server = server;
    this.#dir = dir;
  }

  static async open(
    bindings: Record<string, string>,
    providers: string,
    world: Record<string, Answering>,
    /** What is done to the database before anybody is there. */
    prepare: (stateDir: string) => void = () => {},
  ): Promise<Merchant> {
    const dir = mkdtempSync(join(tmpdir(), "doorbuster-merchant-"));
    const stateDir = join(dir, "state");
    await prepared(dir);
    prepare(stateDir);
    const port = await freePort();
    const lines: string[] = [];
    const server = await serveBuilt({
      config: "wrangler.toml",
      port,
      outDir: join(dir, "bundle"),
      stateDir,
      bindings: { ...SECRETS, PROVIDERS: providers, RATE_LIMIT: "off", REQUEST_LOG: "on", ...bindings },
      hear: (line) => lines.push(line),
      outbound: async (request) => {
        const { url, method } = request;
        const { hostname } = new URL(url);
        // The sandbox bank calls back to where it was told: to ourselves.
        const answer = hostname === "127.0.0.1" ? fetch : world[hostname];
        if (!answer) throw new Error(`nobody answers for ${url}`);
        const body = method === "GET" ? null : await request.arrayBuffer();
        return answer(new Request(url, { method, headers: [...request.headers], body }));
      },
    });
    return new Merchant(new Client(`http://127.0.0.1:${port}`, SECRETS), lines, server, dir);
  }

  async close(): Promise<void> {
    await this.#server.dispose();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A buyer, and their order of one lamp in a sale of its own. */
  async placed({
    holdSeconds = 120,
    accounts,
  }: { holdSeconds?: number; accounts?: Record<string, string> } = {}): Promise<Purchase> {
    const sku = `lamp-${++this.#sales}`;
    const facts = { stock: 1, holdSeconds, ...(accounts && { accounts }) };
    await this.client.defineSale(`sale-${this.#sales}`, sku, facts);
    const token = await this.client.token(`buyer-${this.#sales}`);
    const { status, body } = await this.client.order(token, `sale-${this.#sales}`, sku);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return { token, sku, order: body };
  }

  async pay({ token, order }: Purchase, provider: string, method?: string): Promise<Started> {
    const path = `/v1/orders/${order.id}/payments`;
    const wanted = { provider, ...(method !== undefined && { method }) };
    const { status, body } = await this.client.call<Started>("POST", path, token, wanted);
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** The order once it is so. */
  becomes({ token, order }: Purchase, state: string, ms: number): Promise<OrderBody> {
    const read = async () => (await this.client.read(token, order.id)).body;
    return until(`the order is ${state}`, ms, read, (seen) => seen.state === state);
  }

  /** What is in the lines although it must not be: secrets, what opens a payment, and what a provider told us in full. */
  leaked(secrets: readonly string[]): string[] {
    const all = this.lines.join("\n");
    return secrets.filter((secret) => secret.length > 0 && all.includes(secret));
  }

  async callBack(provider: string, headers: Headers, body: BodyInit): Promise<number> {
    const path = `${this.client.origin}/v1/webhooks/${provider}`;
    return (await fetch(path, { method: "POST", headers, body })).status;
  }
}

export interface Purchase {
  readonly token: string;
  readonly sku: string;
  readonly order: OrderBody;
}

export interface Started {
  readonly id: string;
  readonly state: string;
  readonly turn_at?: string;
  readonly action: { type: string; url?: string; content?: string; client_secret?: string } | null;
}
