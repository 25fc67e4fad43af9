import type { z } from "@hono/zod-openapi";
import type { GateView } from "../../schema/actors.ts";
import { times } from "../../schema/money.ts";
import { refundedOf, type Order, type Payment, type PaymentAction, type Refund } from "../../schema/order.ts";
import type { SkuView } from "../../schema/sku.ts";
import type * as wire from "./schemas.ts";
import type { SkuStock } from "./staff-schemas.ts";

/** From our words to the wire's: snake_case, ISO 8601 with milliseconds, and nothing that is only ours. */

export const iso = (at: number): string => new Date(at).toISOString();

export function orderToWire(order: Order): z.infer<typeof wire.Order> {
  return {
    id: order.order,
    state: order.state,
    reason: order.reason,
    version: order.version,
    sale: order.sale,
    buyer: order.buyer,
    lines: order.lines.map(({ sku, name, quantity, unitPrice }) => ({
      sku,
      name,
      quantity,
      unit_price: unitPrice,
      subtotal: times(unitPrice, quantity),
    })),
    amount: order.amount,
    refunded: refundedOf(order),
    pay_by: iso(order.payBy),
    created_at: iso(order.createdAt),
    updated_at: iso(order.updatedAt),
    payments: order.payments.map(({ id, provider, state, amount, createdAt }) => ({
      id,
      provider,
      state,
      amount,
      created_at: iso(createdAt),
    })),
    refunds: order.refunds.map(refundToWire),
  };
}

export const refundToWire = ({
  id,
  state,
  amount,
  reason,
  createdAt,
}: Refund): z.infer<typeof wire.Refund> => ({
  id,
  state,
  amount,
  reason,
  created_at: iso(createdAt),
});

/**
 * A payment as its creation was answered, which a replay must repeat word for word: once the provider has said what the
 * buyer has to do, that is the answer, whatever has happened since.
 */
export function startedPaymentToWire(order: Order, payment: Payment): z.infer<typeof wire.StartedPayment> {
  const { id, provider, state, amount, action, inLine, createdAt } = payment;
  return {
    id,
    order: order.order,
    provider,
    state: action ? "requires_action" : state,
    amount,
    action: action && actionToWire(action),
    ...(inLine && state === "created" && { turn_at: iso(createdAt) }),
  };
}

const actionToWire = (action: PaymentAction) =>
  action.type === "client_secret" ? { type: action.type, client_secret: action.clientSecret } : action;

export function saleToWire({ sale, state, serverTime, offers }: GateView): z.infer<typeof wire.Sale> {
  return {
    id: sale.id,
    name: sale.name,
    state,
    opens_at: iso(sale.opensAt),
    closes_at: iso(sale.closesAt),
    server_time: iso(serverTime),
    per_buyer_max: sale.perBuyerMax,
    hold_seconds: sale.holdMs / 1_000,
    skus: offers.map((offer) => ({
      sku: offer.sku,
      name: offer.name,
      price: offer.price,
      ...(offer.image !== null && { image: offer.image }),
      stock: { state: offer.state, available: offer.available },
    })),
  };
}

export const skuToWire = ({ config, version, ...counters }: SkuView): z.infer<typeof SkuStock> => ({
  sku: config.sku,
  sale: config.sale,
  initial: counters.initial,
  restocked: counters.restocked,
  available: counters.available,
  held: counters.held,
  sold: counters.sold,
  version,
  per_buyer_max: config.perBuyerMax,
});
