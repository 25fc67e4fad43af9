import type { Context } from "hono";
import { jwtVerify } from "jose";
import { orderIdOf, skuNumberOf } from "../../../schema/ids.ts";
import { OrderRequest } from "../../../worker/api/schemas.ts";
import { fingerprintOf } from "../../../worker/checkout/fingerprint.ts";
import { SECRETS } from "../ours.ts";
import type { PeerHold } from "./peer.ts";

const HOLD_MS = 86_400_000;
const PRICE = { amount: 19_900, currency: "CNY" };
const SECRET = new TextEncoder().encode(SECRETS.BUYER_TOKEN_SECRET);

/** The buyer of a request whose token is genuine. */
export async function buyerOf(c: Context): Promise<string | null> {
  const token = c.req.header("authorization")?.slice("Bearer ".length);
  const { payload } = await jwtVerify(token ?? "", SECRET, { algorithms: ["HS256"] });
  return payload.sub ?? null;
}

/** What an order asks for, checked as we check it; null when it is not one. */
export async function holdOf(c: Context): Promise<PeerHold | null> {
  const key = c.req.header("idempotency-key");
  const buyer = await buyerOf(c);
  const body = OrderRequest.safeParse(await c.req.json());
  const [line] = body.data?.lines ?? [];
  if (!body.success || !line || !key || buyer === null) return null;
  const createdAt = Date.now();
  const order = orderIdOf(skuNumberOf(line.sku), createdAt, crypto.getRandomValues(new Uint8Array(5)));
  const lines = [{ sku: line.sku, name: line.sku, quantity: line.quantity, unitPrice: PRICE }];
  const amount = { ...PRICE, amount: PRICE.amount * line.quantity };
  const { sale } = body.data;
  return {
    placement: { order, sale, buyer, lines, amount, createdAt, payBy: createdAt + HOLD_MS },
    quantity: line.quantity,
    key,
    fingerprint: fingerprintOf(sale, [[line.sku, line.quantity]]),
    holdMs: HOLD_MS,
    perBuyerMax: 1,
  };
}
