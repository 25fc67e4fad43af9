import { SignJWT } from "jose";

/** What the answers of the API carry that a load needs. */
interface Answer<T> {
  readonly status: number;
  readonly body: T;
}
export interface OrderBody {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly pay_by: string;
  readonly amount: { amount: number; currency: string };
  readonly code?: string;
  readonly lines: readonly { sku: string; quantity: number }[];
  readonly payments: readonly { id: string; state: string }[];
  readonly refunds: readonly { id: string; state: string; reason: string }[];
}
interface StartedBody {
  readonly id: string;
  readonly action: { url: string } | null;
}
export interface StockBody {
  readonly initial: number;
  readonly restocked: number;
  readonly available: number;
  readonly held: number;
  readonly sold: number;
}
interface PageBody {
  readonly data: readonly OrderBody[];
  readonly next_cursor: string | null;
}

let keys = 0;
export const freshKey = (): string => `key-${process.pid}-${Date.now()}-${++keys}`;

/** A shop that calls the HTTP API of a local server, as its buyers and as its staff. */
export class Client {
  readonly origin: string;
  readonly #adminKey: string;
  readonly #secret: Uint8Array;

  constructor(origin: string, secrets: { ADMIN_KEY: string; BUYER_TOKEN_SECRET: string }) {
    const { hostname } = new URL(origin);
    if (!["127.0.0.1", "localhost", "[::1]"].includes(hostname))
      throw new Error(`a load is for this machine only, not for ${hostname}`);
    this.origin = origin;
    this.#adminKey = secrets.ADMIN_KEY;
    this.#secret = new TextEncoder().encode(secrets.BUYER_TOKEN_SECRET);
  }

  /** A token as a merchant's backend mints it. */
  token(buyer: string): Promise<string> {
    return new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(buyer)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(this.#secret);
  }

  async call<T>(
    method: string,
    path: string,
    token: string,
    body?: unknown,
    key = freshKey(),
  ): Promise<Answer<T>> {
    const answer = await fetch(`${this.origin}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        "idempotency-key": key,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === "" ? null : JSON.parse(text)) as T };
  }

  order(token: string, sale: string, sku: string, key = freshKey()): Promise<Answer<OrderBody>> {
    return this.call("POST", "/v1/orders", token, { sale, lines: [{ sku, quantity: 1 }] }, key);
  }

  read(token: string, order: string): Promise<Answer<OrderBody>> {
    return this.call("GET", `/v1/orders/${order}`, token);
  }

  /** Starts a payment at the sandbox; answers with the bank's id of it, or null when it was refused. */
  async startPayment(token: string, order: string): Promise<string | null> {
    const { body } = await this.call<StartedBody>("POST", `/v1/orders/${order}/payments`, token, {
      provider: "sandbox",
    });
    return body.action?.url.split("/").at(-1) ?? null;
  }

  async approve(bankPayment: string): Promise<boolean> {
    const { status } = await this.call("POST", `/sandbox/v1/payments/${bankPayment}/approve`, this.#adminKey);
    return status === 200;
  }

  async behave(behaviour: Record<string, unknown>): Promise<void> {
    const { status, body } = await this.call("PUT", "/sandbox/v1/behaviour", this.#adminKey, behaviour);
    if (status !== 200) throw new Error(`behaviour refused: ${status} ${JSON.stringify(body)}`);
  }

  async defineSale(
    sale: string,
    sku: string,
    facts: {
      stock: number;
      holdSeconds: number;
      perBuyerMax?: number;
      gates?: number;
      accounts?: Record<string, string>;
    },
  ): Promise<void> {
    const now = Date.now();
    const body = {
      name: sale,
      opens_at: new Date(now - 60_000).toISOString(),
      closes_at: new Date(now + 86_400_000).toISOString(),
      per_buyer_max: facts.perBuyerMax ?? 1,
      hold_seconds: facts.holdSeconds,
      ...(facts.accounts && { accounts: facts.accounts }),
      skus: [
        {
          sku,
          name: sku,
          price: { amount: 19_900, currency: "CNY" },
          stock: facts.stock,
          ...(facts.gates !== undefined && { gates: facts.gates }),
        },
      ],
    };
    const made = await this.call("PUT", `/v1/admin/sales/${sale}`, this.#adminKey, body);
    if (made.status !== 200)
      throw new Error(`the sale ${sale} could not be made: ${made.status} ${JSON.stringify(made.body)}`);
  }

  async stock(sku: string): Promise<StockBody> {
    const { status, body } = await this.call<StockBody>("GET", `/v1/admin/skus/${sku}`, this.#adminKey);
    if (status !== 200) throw new Error(`the SKU ${sku} could not be read: ${status}`);
    return body;
  }

  async restock(sku: string, delta: number): Promise<void> {
    const path = `/v1/admin/skus/${sku}/stock`;
    const { status } = await this.call("POST", path, this.#adminKey, { delta, reason: "rush" });
    if (status !== 200) throw new Error(`the SKU ${sku} could not be restocked: ${status}`);
  }

  async admin<T>(path: string): Promise<T> {
    return (await this.call<T>("GET", path, this.#adminKey)).body;
  }

  /** All orders of a sale that D1 knows, page by page. */
  async orders(sale: string): Promise<OrderBody[]> {
    const all: OrderBody[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: PageBody = await this.admin(
        `/v1/admin/orders?sale=${sale}&limit=100${cursor && `&cursor=${cursor}`}`,
      );
      all.push(...page.data);
      cursor = page.next_cursor;
    }
    return all;
  }
}

/** Does all the work, so much of it at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
