import { z } from "@hono/zod-openapi";
import { GATES_MAX, HOLD_SECONDS_MAX, QUANTITY_MAX, SALE_SKUS_MAX, STOCK_MAX } from "../../schema/limits.ts";
import { STAFF_ROLES } from "../../schema/staff.ts";
import { Order } from "./schemas.ts";
import { instant, instantIn, Money, Price, reason, slug } from "./values.ts";

/** The shapes of the wire that only staff send and see. */

export const SaleRequest = z
  .strictObject({
    name: z.string().trim().min(1).max(200),
    opens_at: instantIn,
    closes_at: instantIn,
    per_buyer_max: z.int().min(1).max(QUANTITY_MAX),
    hold_seconds: z.int().min(1).max(HOLD_SECONDS_MAX),
    skus: z
      .array(
        z.strictObject({
          sku: slug("The SKU's id, unique over all sales."),
          name: z.string().trim().min(1).max(200),
          price: Price,
          stock: z.int().min(0).max(STOCK_MAX).openapi({ description: "Read only when the SKU is new." }),
          gates: z.int().min(0).max(GATES_MAX).optional().openapi({
            description: "Gates that pool the requests for a crowded SKU; by itself as many as needed.",
          }),
          image: z
            .url({ protocol: /^https$/ })
            .max(2048)
            .optional(),
        }),
      )
      .min(1)
      .max(SALE_SKUS_MAX)
      .refine((skus) => new Set(skus.map(({ sku }) => sku)).size === skus.length, "each SKU once"),
    accounts: z
      .record(slug("A provider."), slug("One of its accounts."))
      .optional()
      .openapi({
        description: "Where the sale's money goes, by provider; to the main account where it is left out.",
        example: { stripe: "main" },
      }),
  })
  .refine(({ opens_at, closes_at }) => Date.parse(opens_at) < Date.parse(closes_at), {
    path: ["closes_at"],
    message: "after opens_at",
  })
  .openapi("SaleRequest");

export const SkuStock = z
  .object({
    sku: z.string(),
    sale: z.string(),
    initial: z.int(),
    restocked: z.int(),
    available: z.int(),
    held: z.int().openapi({ description: "Claimed units included." }),
    sold: z.int(),
    version: z.int(),
    per_buyer_max: z.int(),
  })
  .openapi("SkuStock", { description: "initial + restocked = available + held + sold" });

export const StockRequest = z
  .strictObject({
    delta: z
      .int()
      .min(-STOCK_MAX)
      .max(STOCK_MAX)
      .refine((delta) => delta !== 0, "not 0"),
    reason,
  })
  .openapi("StockRequest");

export const RefundRequest = z
  .strictObject({
    amount: Money.refine(({ amount }) => amount >= 1, { path: ["amount"], message: "at least 1" }).optional(),
    reason,
  })
  .openapi("RefundRequest");

export const OrderPage = z
  .object({
    data: z.array(Order),
    next_cursor: z.string().nullable(),
    as_of: instant("The newest change this list knows of.").nullable(),
  })
  .openapi("OrderPage");

export const Timeline = z
  .object({
    order: z.string(),
    data: z.array(
      z.object({
        seq: z.int(),
        at: instant("When the order heard or did it."),
        kind: z.enum(["report", "transition", "effect"]),
        type: z.string(),
        detail: z.unknown(),
      }),
    ),
  })
  .openapi("Timeline");

export const StaffKeyRequest = z
  .strictObject({ name: z.string().trim().min(1).max(100), role: z.enum(STAFF_ROLES) })
  .openapi("StaffKeyRequest");

export const Case = z
  .object({
    id: z.string(),
    kind: z.string(),
    detail: z.string(),
    order: z.string().nullable(),
    payment: z.string().nullable(),
    opened_at: z.string(),
    age_seconds: z.int(),
    remedy: z.object({ method: z.string(), path: z.string() }),
    owner: z.string().nullable(),
    resolved_at: z.string().nullable(),
    resolved_by: z.string().nullable(),
    resolution: z.string().nullable(),
  })
  .openapi("Case", {
    description:
      "An anomaly that people must look at. `owner` is a staff key's id; `remedy` is the request that sets it right, after which somebody says so.",
  });

export const AssignRequest = z
  .strictObject({
    owner: z
      .string()
      .trim()
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: "Whoever asks, when left out." }),
  })
  .openapi("AssignRequest");

export const ResolveRequest = z.strictObject({ resolution: reason }).openapi("ResolveRequest");
