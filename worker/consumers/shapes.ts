import * as z from "zod";
import { ORDER_ID } from "../../schema/ids.ts";

/**
 * As much of each message as its consumer relies on before the message stands alone: where it goes, and what a column must not
 * be without. Beyond that our own code wrote it, and new fields are welcome.
 */

const v = z.literal(1);
const order = z.string().regex(ORDER_ID);
const money = z.object({ amount: z.int(), currency: z.string() });

export const ProviderEventShape = z.object({
  v,
  provider: z.string(),
  event: z.string(),
  order,
  report: z.object({ type: z.string() }),
  receivedAt: z.int(),
});

export const EffectShape = z.discriminatedUnion("type", [
  z.object({
    v,
    type: z.literal("order_effect"),
    order,
    key: z.string(),
    effect: z.object({ type: z.string() }),
    snapshot: z.object({ order }),
  }),
  z.object({ v, type: z.literal("claim_overdue"), sku: z.string(), move: z.object({ order }) }),
  z.object({
    v,
    type: z.literal("case_raised"),
    case: z.object({ id: z.string(), kind: z.string(), detail: z.string(), openedAt: z.int() }),
  }),
]);

const placement = z.object({
  order,
  sale: z.string(),
  buyer: z.string(),
  amount: money,
  createdAt: z.int(),
  payBy: z.int(),
});

const attempt = z.object({ id: z.string(), state: z.string(), amount: money, createdAt: z.int() });

const wholeOrder = placement.extend({
  state: z.string(),
  version: z.int(),
  updatedAt: z.int(),
  payments: z.array(attempt.extend({ provider: z.string() })),
  refunds: z.array(attempt.extend({ payment: z.string(), reason: z.string() })),
});

export const OrderEventShape = z.discriminatedUnion("type", [
  z.object({ v, type: z.literal("order_changed"), order: wholeOrder }),
  z.object({
    v,
    type: z.literal("sku_changed"),
    sku: z.string(),
    after: z.int(),
    through: z.int(),
    placed: z.array(placement),
    expired: z.array(z.object({ placement, at: z.int() })),
  }),
]);
