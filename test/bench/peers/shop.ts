import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";
import type { OrderId } from "../../../schema/ids.ts";
import { unborn, type Placement } from "../../../schema/order.ts";
import { orderToWire } from "../../../worker/api/present.ts";
import { SECRETS } from "../ours.ts";
import type { PeerAnswer } from "./peer.ts";
import { jsonbOf, startPostgres } from "./postgres.ts";
import { buyerOf, holdOf } from "./request.ts";
import { serving } from "./serving.ts";

/**
 * The whole purchase on PostgreSQL with a row lock, behind Hono on Node: order and hold, payment, a bank with a database of its
 * own (tables of the same server), its signed callback over HTTP, an inbox, and the list of orders. Each step is one transaction.
 */

/** As a claim of ours outlasts the time to pay. */
const CLAIM_GRACE_MS = 5_000;
const PAGE = 100;
const [stock, port] = process.argv.slice(2);
const { sql, stop } = await startPostgres();
await sql.unsafe(readFileSync(new URL("purchase.sql", import.meta.url), "utf8"));
await sql`INSERT INTO sku VALUES (1, ${Number(stock)})`;
const webhook = new Webhook(SECRETS.SANDBOX_WEBHOOK_SECRET);

interface Payment {
  readonly id: string;
  readonly order_id: string;
  readonly amount: number;
  readonly currency: string;
}

const app = new Hono();

app.post("/v1/orders", async (c) => {
  const asked = await holdOf(c);
  if (!asked) return c.json({ code: "invalid_request" }, 400);
  const { placement, quantity, key, fingerprint, holdMs, perBuyerMax } = asked;
  const { order, buyer, createdAt } = placement;
  const [row] = await sql<{ code: PeerAnswer["code"]; document: Placement }[]>`
    SELECT * FROM buy(${order}, ${buyer}, ${quantity}, ${key}, ${fingerprint}, ${createdAt}, ${holdMs}, ${perBuyerMax}, ${jsonbOf(sql, placement)})`;
  if (row?.code === "held" || row?.code === "replayed")
    return c.json(orderToWire(unborn(row.document, createdAt)), 201);
  return c.json({ code: row?.code }, 409);
});

app.post("/v1/orders/:id/payments", async (c) => {
  const buyer = await buyerOf(c);
  const key = c.req.header("idempotency-key");
  if (buyer === null || !key) return c.json({ code: "invalid_request" }, 400);
  const [payment] = await sql<Payment[]>`
    SELECT * FROM start_payment(${c.req.param("id")}, ${buyer}, ${key}, ${Date.now()}, ${CLAIM_GRACE_MS})`;
  if (!payment) return c.json({ code: "order_expired" }, 409);
  const account = `bnk_${crypto.randomUUID()}`;
  await sql`INSERT INTO account VALUES (${account}, ${payment.id}, ${payment.order_id}, 'requires_action', ${payment.amount}, ${payment.currency})
    ON CONFLICT (reference) DO NOTHING`;
  await sql`UPDATE payment SET state = 'requires_action', provider_ref = ${account} WHERE id = ${payment.id} AND state = 'created'`;
  return c.json({ id: payment.id, action: { url: `/sandbox/payments/${account}` } }, 201);
});

app.post("/sandbox/v1/payments/:id/approve", async (c) => {
  const [account] = await sql<(Payment & { reference: string; state: string })[]>`
    SELECT * FROM account WHERE id = ${c.req.param("id")}`;
  if (!account) return c.json({ code: "not_found" }, 404);
  const event = `evt_${crypto.randomUUID()}`;
  const { id, reference, order_id: order, amount, currency } = account;
  const data = { payment: id, reference, order, amount, currency };
  const body = JSON.stringify({ id: event, type: "payment.succeeded", created: Date.now(), data });
  await sql`SELECT approve(${id}, ${event}, ${body})`;
  void callBack(event, body);
  return c.json({ id, state: "succeeded" });
});

async function callBack(event: string, body: string): Promise<void> {
  const at = new Date();
  const answer = await fetch(`http://127.0.0.1:${port}/v1/webhooks/sandbox`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": event,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": webhook.sign(event, at, body),
    },
    body,
  });
  if (!answer.ok) throw new Error(`the callback ${event} was answered with ${answer.status}`);
  await sql`DELETE FROM outgoing WHERE event = ${event}`;
}

app.post("/v1/webhooks/sandbox", async (c) => {
  const text = await c.req.text();
  webhook.verify(text, c.req.header());
  const { id, data } = JSON.parse(text) as {
    id: string;
    data: Payment & { payment: string; reference: string };
  };
  await sql`SELECT hear_succeeded(${id}, ${data.reference}, ${data.payment}, ${data.amount}, ${data.currency}, ${Date.now()})`;
  return c.body(null, 200);
});

app.get("/v1/admin/orders", async (c) => {
  if (c.req.header("authorization") !== `Bearer ${SECRETS.ADMIN_KEY}`)
    return c.json({ code: "forbidden" }, 403);
  const { sale = "", cursor = "0." } = c.req.query();
  const [at = "0", after = ""] = cursor.split(".");
  const rows = await sql<{ order_id: OrderId; state: string; created_at: string; document: Placement }[]>`
    SELECT * FROM order_list WHERE sale = ${sale} AND (created_at, order_id) > (${at}, ${after})
    ORDER BY created_at, order_id LIMIT ${PAGE}`;
  const last = rows.at(-1);
  const data = rows.map(({ document, state }) => ({
    ...orderToWire(unborn(document, document.createdAt)),
    state,
  }));
  const next = rows.length === PAGE && last ? `${last.created_at}.${last.order_id}` : null;
  return c.json({ data, next_cursor: next });
});

serving(app, Number(port), stop);
