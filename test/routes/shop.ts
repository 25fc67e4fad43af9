import { env, exports } from "cloudflare:workers";
import { SignJWT } from "jose";

/** The Worker as its callers see it: requests in, answers out. */

export const ORIGIN = "https://shop.example";
export const ADMIN = "test-admin-key";

let serial = 0;
export const fresh = (what: string): string => `${what}-${++serial}`;

export interface Sent {
  readonly method?: string;
  readonly token?: string | null;
  readonly key?: string | null;
  readonly body?: unknown;
  /** Sent as it is, in the place of `body`. */
  readonly raw?: BodyInit;
  readonly headers?: Record<string, string>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- what an answer holds is what its test is about
export type Json = any;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export async function call(
  path: string,
  { method, token, key, body, raw, headers }: Sent = {},
): Promise<Answered> {
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await exports.default.fetch(`${ORIGIN}${path}`, {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    redirect: "manual",
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(key !== null && { "idempotency-key": key ?? fresh("key") }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(sent !== undefined && { body: sent }),
  });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get("content-type") ?? "");
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
}

export const tokenOf = (buyer: string, claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(buyer)
    .sign(new TextEncoder().encode(env.BUYER_TOKEN_SECRET));

export const saleBody = (
  skus: readonly { sku: string; stock: number; currency?: string; gates?: number }[],
  facts: Record<string, unknown> = {},
) => ({
  name: "A sale",
  opens_at: new Date(Date.now() - 60_000).toISOString(),
  closes_at: new Date(Date.now() + 3_600_000).toISOString(),
  per_buyer_max: 2,
  hold_seconds: 60,
  skus: skus.map(({ sku, stock, currency = "CNY", gates }) => ({
    ...(gates !== undefined && { gates }),
    sku,
    name: sku,
    price: { amount: 100, currency },
    stock,
  })),
  ...facts,
});

/** A sale of its own; answers with its id and its SKUs. */
export async function sale(
  stocks: readonly number[] = [5],
  facts: Record<string, unknown> = {},
  offer: { gates?: number } = {},
) {
  const id = fresh("sale");
  const skus = stocks.map((stock) => ({ sku: fresh("sku"), stock, ...offer }));
  const { status, body } = await call(`/v1/admin/sales/${id}`, {
    method: "PUT",
    token: ADMIN,
    body: saleBody(skus, facts),
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return { id, sku: skus[0]?.sku ?? "", skus: skus.map(({ sku }) => sku) };
}

export const line = (sku: string, quantity = 1) => ({ sku, quantity });
