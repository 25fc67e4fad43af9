import { createRoute, z } from "@hono/zod-openapi";
import { skuNumberOf, SLUG } from "../../schema/ids.ts";
import type { Sale } from "../../schema/sale.ts";
import { gateActor, skuActor } from "../actors.ts";
import { saleToWire, skuToWire } from "../api/present.ts";
import {
  answer,
  body,
  BODY_REFUSALS,
  KEY_HEADER,
  KEY_REFUSALS,
  forStaff,
  refusals,
  routes,
} from "../api/routes.ts";
import { Sale as SaleAnswer } from "../api/schemas.ts";
import { SaleRequest, SkuStock, StockRequest } from "../api/staff-schemas.ts";
import { audit } from "../audit.ts";
import { defineSale } from "../catalogue/define-sale.ts";
import { fingerprintOf } from "../checkout/fingerprint.ts";
import { jsonBody } from "../middleware/body.ts";
import { idempotencyKey, replayedHeader, requireIdempotencyKey } from "../middleware/idempotency-key.ts";
import { problem, type FieldError } from "../problem.ts";
import { reply } from "../reply.ts";
import { providerOf } from "../providers/registry.ts";

const define = createRoute({
  method: "put",
  path: "/v1/admin/sales/{sale}",
  tags: ["Staff"],
  summary: "Create or change a sale",
  ...forStaff("admin", jsonBody),
  request: { params: z.object({ sale: z.string() }), ...body(SaleRequest) },
  responses: {
    200: answer("The sale.", SaleAnswer),
    ...refusals(...BODY_REFUSALS, "unauthenticated", "forbidden", "overloaded"),
  },
});

const skuParams = z.object({ sku: z.string() });

const readSku = createRoute({
  method: "get",
  path: "/v1/admin/skus/{sku}",
  tags: ["Staff"],
  summary: "A SKU's stock, from its own actor",
  ...forStaff("viewer"),
  request: { params: skuParams },
  responses: {
    200: answer("The stock.", SkuStock),
    ...refusals("unauthenticated", "forbidden", "not_found"),
  },
});

const JournalPage = z.object({
  data: z.array(
    z.object({ seq: z.int(), at: z.int(), prev: z.string(), hash: z.string(), body: z.string() }),
  ),
});

const journal = createRoute({
  method: "get",
  path: "/v1/admin/skus/{sku}/journal",
  tags: ["Staff"],
  summary: "A SKU's hash-chained journal, from a row on; the last page is empty",
  ...forStaff("admin"),
  request: { params: skuParams, query: z.object({ after: z.coerce.number().int().min(0).default(0) }) },
  responses: {
    200: answer("Rows as they are on disk.", JournalPage),
    ...refusals("unauthenticated", "forbidden", "not_found", "invalid_request"),
  },
});

const restock = createRoute({
  method: "post",
  path: "/v1/admin/skus/{sku}/stock",
  tags: ["Staff"],
  summary: "Add units, or take away ones that nobody holds or owns",
  parameters: [KEY_HEADER],
  ...forStaff("admin", requireIdempotencyKey, jsonBody),
  request: { params: skuParams, ...body(StockRequest) },
  responses: {
    200: answer("The stock afterwards.", SkuStock),
    ...refusals(
      ...BODY_REFUSALS,
      ...KEY_REFUSALS,
      "unauthenticated",
      "forbidden",
      "not_found",
      "insufficient_stock",
      "overloaded",
    ),
  },
});

/** Accounts that this deployment does not have: found out now, and not by the first buyer who pays. */
const wrongAccounts = (env: Env, accounts: Readonly<Record<string, string>>): FieldError[] =>
  Object.entries(accounts).flatMap(([provider, account]) =>
    providerOf(env, { provider, account })
      ? []
      : [{ pointer: `/accounts/${provider}`, detail: `"${account}" is not an account here` }],
  );

export const staffSales = routes()
  .openapi(define, async (c) => {
    const { sale: id } = c.req.valid("param");
    if (!SLUG.test(id))
      return problem(c, {
        code: "invalid_request",
        errors: [{ pointer: "/path/sale", detail: "1 to 64 of a-z, 0-9 and -" }],
      });
    const { skus, name, opens_at, closes_at, per_buyer_max, hold_seconds, accounts } = c.req.valid("json");
    const errors = wrongAccounts(c.env, accounts ?? {});
    if (errors.length > 0) return problem(c, { code: "invalid_request", errors });
    const sale: Sale = {
      id,
      name,
      opensAt: Date.parse(opens_at),
      closesAt: Date.parse(closes_at),
      perBuyerMax: per_buyer_max,
      holdMs: hold_seconds * 1_000,
      offers: skus.map(({ sku, name: called, price, image, gates }) => ({
        sku,
        name: called,
        price,
        image: image ?? null,
        ...(gates !== undefined && { gates }),
      })),
      ...(accounts && { accounts }),
    };
    await audit(c, { action: "sale.define", target: id, reason: null, detail: c.req.valid("json") });
    const stocks = new Map(skus.map(({ sku, stock }) => [sku, stock]));
    const defined = await defineSale(c.env, sale, stocks, Date.now());
    if (!defined.ok) return problem(c, defined.error);
    const view = await gateActor(c.env, id).view();
    if (!view) throw new Error(`the sale ${id} was defined and is not there`);
    return c.json(saleToWire(view), 200);
  })
  .openapi(readSku, async (c) => {
    const { sku } = c.req.valid("param");
    const view = SLUG.test(sku) ? await skuActor(c.env, skuNumberOf(sku)).view() : null;
    return view ? c.json(skuToWire(view), 200) : problem(c, { code: "not_found" });
  })
  .openapi(journal, async (c) => {
    const { sku } = c.req.valid("param");
    if (!SLUG.test(sku)) return problem(c, { code: "not_found" });
    const data = await skuActor(c.env, skuNumberOf(sku)).journal(c.req.valid("query").after);
    return c.json({ data }, 200);
  })
  .openapi(restock, async (c) => {
    const { sku } = c.req.valid("param");
    if (!SLUG.test(sku)) return problem(c, { code: "not_found" });
    const { delta, reason } = c.req.valid("json");
    const key = idempotencyKey(c);
    await audit(c, { action: "stock.change", target: sku, reason, detail: { delta } });
    const fingerprint = fingerprintOf(delta, reason);
    const restocked = await skuActor(c.env, skuNumberOf(sku)).restock({ key, fingerprint, delta, reason });
    if (!restocked.ok) {
      const { code } = restocked.error;
      return problem(c, { code: code === "unknown_sku" ? "not_found" : code });
    }
    const { view, replayed } = restocked.value;
    return reply(c, skuToWire(view), 200, replayedHeader(replayed));
  });
