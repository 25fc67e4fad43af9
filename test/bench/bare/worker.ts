import { DurableObject } from "cloudflare:workers";

/** The bare runtime: what no answer of ours can do without, by hand and without any rule of ours. */

/** `call`: an empty method. `refuse`: token and body checked, no call. `keep`: checked, and a row on disk before the answer. */
export type Does = "call" | "refuse" | "keep";

interface Bindings {
  readonly BARE: DurableObjectNamespace;
  readonly DOES: Does;
  readonly BUYER_TOKEN_SECRET: string;
}

/** One object, and one write for everybody who comes in one turn of its event loop. */
export class Bare extends DurableObject<Bindings> {
  #waiting: string[] = [];
  #writing: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS rows (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)");
  }

  async nothing(): Promise<void> {}

  async keep(row: string): Promise<string> {
    this.#waiting.push(row);
    await (this.#writing ??= this.#write());
    return row;
  }

  async #write(): Promise<void> {
    await scheduler.wait(0);
    this.ctx.storage.sql.exec("INSERT INTO rows (body) VALUES (?)", this.#waiting.join("\n"));
    this.#waiting = [];
    this.#writing = null;
  }
}

const text = new TextEncoder();
let key: CryptoKey | null = null;

async function buyerOf(token: string, secret: string): Promise<string | null> {
  key ??= await crypto.subtle.importKey(
    "raw",
    text.encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const [head = "", claims = "", signature = ""] = token.split(".");
  const signed = text.encode(`${head}.${claims}`);
  const ours = await crypto.subtle.verify("HMAC", key, Buffer.from(signature, "base64url"), signed);
  return ours ? (JSON.parse(Buffer.from(claims, "base64url").toString()) as { sub: string }).sub : null;
}

async function checked(request: Request, secret: string): Promise<string | null> {
  const buyer = await buyerOf(request.headers.get("authorization")?.slice("Bearer ".length) ?? "", secret);
  const body = await request.json<{ sale?: unknown; lines?: unknown }>();
  const fits = typeof body.sale === "string" && Array.isArray(body.lines);
  const named = request.headers.get("idempotency-key");
  return buyer && fits && named ? JSON.stringify({ buyer, named, ...body }) : null;
}

const JSON_TYPE = { headers: { "content-type": "application/json" } };

export default {
  async fetch(request, env) {
    const bare = env.BARE.getByName("one") as unknown as Bare;
    if (env.DOES === "call") {
      await bare.nothing();
      return new Response("{}", JSON_TYPE);
    }
    const row = await checked(request, env.BUYER_TOKEN_SECRET);
    if (!row) return new Response("{}", { status: 400 });
    return new Response(env.DOES === "refuse" ? row : await bare.keep(row), JSON_TYPE);
  },
} satisfies ExportedHandler<Bindings>;
