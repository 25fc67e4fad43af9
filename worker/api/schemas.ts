import { z } from "@hono/zod-openapi";
import { SLUG } from "../../schema/ids.ts";
import {
  GATES_MAX,
  HOLD_SECONDS_MAX,
  LINES_MAX,
  QUANTITY_MAX,
  REASON_CHARS_MAX,
  SALE_SKUS_MAX,
  STOCK_MAX,
} from "../../schema/limits.ts";
import { UNIT_PRICE_MINOR_MAX } from "../../schema/money.ts";
import { ORDER_STATES, PAYMENT_STATES, REFUND_STATES } from "../../schema/order.ts";
import { STAFF_ROLES } from "../../schema/staff.ts";
import { PROBLEMS, type ProblemCode } from "../problem.ts";

/** The shapes of the wire. They validate what comes in, type what goes out and write `/openapi.json`. */

const instant = (description: string) =>
  z.iso.datetime({ precision: 3 }).openapi({ description, example: "2026-11-27T10:00:00.000Z" });

/** Instants that clients send: any precision, any offset. */
const instantIn = z.iso.datetime({ offset: true }).openapi({ example: "2026-11-27T10:00:00Z" });

const slug = (what: string) =>
  z
    .string()
    .regex(SLUG, "1 to 64 of a-z, 0-9 and -, not at the ends")
    .openapi({ description: what, example: "lamps" });

/** ISO 4217 codes that this runtime's CLDR knows. */
const CURRENCIES = new Set(Intl.supportedValuesOf("currency"));

export const Money = z
  .strictObject({
    amount: z.int().min(0).openapi({ description: "Integer minor units: 19900 is 199.00 CNY." }),
    currency: z
      .string()
      .length(3)
      .refine((code) => CURRENCIES.has(code), "an ISO 4217 currency in capitals"),
  })
  .openapi("Money", { example: { amount: 19900, currency: "CNY" } });

const Price = Money.refine(({ amount }) => amount >= 1 && amount <= UNIT_PRICE_MINOR_MAX, {
  path: ["amount"],
  message: `from 1 to ${UNIT_PRICE_MINOR_MAX}`,
});

export const Stock = z
  .object({
    state: z.enum(["in_stock", "low", "held_out", "sold_out"]).openapi({
      description: "`held_out`: none free now, but holds may still be released.",
    }),
    available: z.int(),
  })
  .openapi("Stock");

export const Sale = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(["upcoming", "open", "closed"]),
    opens_at: instant("Orders are taken from here on, by the server's clock."),
    closes_at: instant("Orders are no longer taken from here on."),
    server_time: instant("The server's clock when it answered."),
    per_buyer_max: z.int().openapi({ description: "Most units of each SKU that one buyer may hold or own." }),
    hold_seconds: z
      .int()
      .openapi({ description: "How long an order's units are kept for its buyer to pay." }),
    skus: z.array(
      z.object({
        sku: z.string(),
        name: z.string(),
        price: Money,
        image: z.string().optional(),
        stock: Stock,
      }),
    ),
  })
  .openapi("Sale");

export const SaleList = z.object({ data: z.array(Sale) }).openapi("SaleList");

export const OrderRequest = z
  .strictObject({
    sale: slug("The sale's id."),
    lines: z
      .array(z.strictObject({ sku: slug("The SKU's id."), quantity: z.int().min(1).max(QUANTITY_MAX) }))
      .min(1)
      .max(LINES_MAX)
      .refine((lines) => new Set(lines.map(({ sku }) => sku)).size === lines.length, "each SKU once"),
  })
  .openapi("OrderRequest", { example: { sale: "lamps", lines: [{ sku: "lamp-red", quantity: 1 }] } });

export const Payment = z
  .object({
    id: z.string(),
    provider: z.string(),
    state: z.enum(PAYMENT_STATES),
    amount: Money,
    created_at: instant("When it was started."),
  })
  .openapi("Payment");

export const Refund = z
  .object({
    id: z.string(),
    state: z.enum(REFUND_STATES),
    amount: Money,
    reason: z.string(),
    created_at: instant("When it was asked for."),
  })
  .openapi("Refund");

export const Order = z
  .object({
    id: z.string(),
    state: z.enum(ORDER_STATES),
    reason: z.string().nullable().openapi({
      description:
        "Of `expired`: `pay_by_passed`, `cancelled`. Of `refunded`: `late_payment`, or what staff wrote.",
    }),
    version: z.int(),
    sale: z.string(),
    buyer: z.string(),
    lines: z.array(
      z.object({ sku: z.string(), name: z.string(), quantity: z.int(), unit_price: Money, subtotal: Money }),
    ),
    amount: Money,
    refunded: Money,
    pay_by: instant("The units are the buyer's until then."),
    created_at: instant("When it was placed."),
    updated_at: instant("When it last changed."),
    payments: z.array(Payment),
    refunds: z.array(Refund),
  })
  .openapi("Order");

export const PaymentRequest = z
  .strictObject({
    provider: z.string().min(1).max(32).openapi({ example: "sandbox" }),
    method: z.string().min(1).max(32).optional(),
    return_url: z
      .url({ protocol: /^https?$/ })
      .max(2048)
      .optional(),
    openid: z
      .string()
      .regex(/^[\w-]{1,128}$/)
      .optional()
      .openapi({ description: "Who the buyer is inside WeChat; the method `jsapi` needs it." }),
  })
  .openapi("PaymentRequest");

const PaymentAction = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("redirect"), url: z.string() }),
    z.object({ type: z.literal("qr"), content: z.string() }),
    z.object({ type: z.literal("client_secret"), client_secret: z.string() }),
  ])
  .openapi("PaymentAction");

export const StartedPayment = z
  .object({
    id: z.string(),
    order: z.string(),
    provider: z.string(),
    state: z.enum(PAYMENT_STATES),
    amount: Money,
    action: PaymentAction.nullable(),
    turn_at: instant(
      "Whose buyer waits in line: when the provider lets them in. Ask again with the same key then.",
    ).optional(),
  })
  .openapi("StartedPayment");

export const BuyerToken = z
  .object({ buyer: z.string(), token: z.string(), expires_at: instant("When it ends.") })
  .openapi("BuyerToken");

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

const reason = z.string().trim().min(1).max(REASON_CHARS_MAX);

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

const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

export const Problem = z
  .object({
    type: z.string().openapi({ description: "Resolves to a page that explains the code." }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(codes),
    request_id: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    retry_after: z.int().optional().openapi({ description: "Seconds." }),
  })
  .openapi("Problem");

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
