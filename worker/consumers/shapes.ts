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

const line = z.object({ sku: z.string(), name: z.string(), quantity: z.int(), unitPrice: money });

/** As `journal-text.ts` writes them. */
const held = z.tuple(
  [z.literal("held"), order, z.string(), z.int(), z.int(), z.string(), z.string(), z.int()],
  line,
);
const released = z.tuple(
  [z.literal("released"), order, z.string(), z.string(), z.int(), z.int(), z.int(), z.int()],
  line,
);
type News = z.infer<typeof held> | z.infer<typeof released>;
const offerOf = (news: News): number => (news[0] === "held" ? news[7] : news[5]);

const skuRows = z
  .object({
    v,
    type: z.literal("sku_rows"),
    sku: z.string(),
    after: z.int(),
    through: z.int(),
    offers: z.array(
      z.tuple([z.int(), z.object({ sku: z.string(), sale: z.string(), name: z.string(), price: money })]),
    ),
    rows: z.array(z.object({ at: z.int(), news: z.array(z.union([held, released])) })),
  })
  .refine(
    ({ offers, rows }) => {
      const known = new Set(offers.map(([number]) => number));
      return rows.every(({ news }) => news.every((one) => known.has(offerOf(one))));
    },
    { error: "an order was placed under an offer that is not told" },
  );

export const OrderEventShape = z.discriminatedUnion("type", [
  z.object({ v, type: z.literal("order_changed"), order: wholeOrder }),
  skuRows,
  z.object({
    v,
    type: z.literal("sku_changed"),
    sku: z.string(),
    placed: z.array(placement),
    expired: z.array(z.object({ placement, at: z.int() })),
  }),
]);
