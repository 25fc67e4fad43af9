import { z } from "@hono/zod-openapi";
import { LINES_MAX, QUANTITY_MAX } from "../../schema/limits.ts";
import { ORDER_STATES, PAYMENT_STATES, REFUND_STATES } from "../../schema/order.ts";
import { PROBLEMS, type ProblemCode } from "../problem.ts";
import { instant, Money, slug } from "./values.ts";

/** The shapes of the wire. They validate what comes in, type what goes out and write `/openapi.json`. */

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
