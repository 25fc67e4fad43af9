import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { jwtVerify } from "jose";
import { orderIdOf, skuNumberOf } from "../../../schema/ids.ts";
import { unborn } from "../../../schema/order.ts";
import { orderToWire } from "../../../worker/api/present.ts";
import { OrderRequest } from "../../../worker/api/schemas.ts";
import { fingerprintOf } from "../../../worker/checkout/fingerprint.ts";
import { SECRETS } from "../ours.ts";
import { startPeer } from "./all.ts";
import type { PeerName } from "./peer.ts";

/** A peer behind Hono on Node: the same token, the same body, the same answer. Started as a process of its own. */

const HOLD_MS = 86_400_000;
const PRICE = { amount: 19_900, currency: "CNY" };
const [name, stock, port] = process.argv.slice(2);
const peer = await startPeer(name as PeerName);
await peer.reset(Number(stock));
const secret = new TextEncoder().encode(SECRETS.BUYER_TOKEN_SECRET);

const app = new Hono().post("/v1/orders", async (c) => {
  const key = c.req.header("idempotency-key");
  const token = c.req.header("authorization")?.slice("Bearer ".length);
  const { payload } = await jwtVerify(token ?? "", secret, { algorithms: ["HS256"] });
  const body = OrderRequest.safeParse(await c.req.json());
  const [line] = body.data?.lines ?? [];
  if (!body.success || !line || !key || !payload.sub) return c.json({ code: "invalid_request" }, 400);

  const createdAt = Date.now();
  const order = orderIdOf(skuNumberOf(line.sku), createdAt, crypto.getRandomValues(new Uint8Array(5)));
  const lines = [{ sku: line.sku, name: line.sku, quantity: line.quantity, unitPrice: PRICE }];
  const amount = { ...PRICE, amount: PRICE.amount * line.quantity };
  const { sale } = body.data;
  const placement = { order, sale, buyer: payload.sub, lines, amount, createdAt, payBy: createdAt + HOLD_MS };
  const fingerprint = fingerprintOf(sale, [[line.sku, line.quantity]]);
  const answer = await peer.hold({
    placement,
    quantity: line.quantity,
    key,
    fingerprint,
    holdMs: HOLD_MS,
    perBuyerMax: 1,
  });
  if (answer.code === "held" || answer.code === "replayed")
    return c.json(orderToWire(unborn(answer.placement, answer.placement.createdAt)), 201);
  return c.json({ code: answer.code }, 409);
});

serve({ fetch: app.fetch, port: Number(port), hostname: "127.0.0.1" }, () => process.send?.("ready"));
process.once("SIGTERM", () => void peer.stop().then(() => process.exit(0)));
