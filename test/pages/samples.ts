import type { GateView } from "../../schema/actors.ts";
import type { Order, Payment } from "../../schema/order.ts";
import type { Scene } from "../../worker/pages/layout.tsx";

/** A moment, and things as they are in it. */
export const NOW = Date.UTC(2026, 10, 27, 10, 0, 0);
const price = { amount: 19900, currency: "CNY" };

export const scene = (lang: "en" | "zh"): Scene => ({ lang, here: "/sales/lamps?from=mail", now: NOW });

export function view(state: GateView["state"] = "open"): GateView {
  const shift = { upcoming: 3_600_000, open: -60_000, closed: -7_200_000 }[state];
  const offer = (sku: string, name: string) => ({ sku, name, price, image: null, gates: 0 });
  const offers = [
    {
      ...offer("lamp-red", "Red lamp"),
      available: 80,
      held: 10,
      sold: 10,
      state: "in_stock" as const,
      at: NOW,
    },
    { ...offer("lamp-blue", "Blue lamp"), available: 3, held: 10, sold: 87, state: "low" as const, at: NOW },
    {
      ...offer("lamp-green", "Green lamp"),
      available: 0,
      held: 10,
      sold: 90,
      state: "held_out" as const,
      at: NOW,
    },
    {
      ...offer("lamp-gold", "Gold lamp"),
      available: 0,
      held: 0,
      sold: 100,
      state: "sold_out" as const,
      at: NOW,
    },
  ];
  const opensAt = NOW + shift;
  const sale = {
    id: "lamps",
    name: "A hundred lamps",
    opensAt,
    closesAt: opensAt + 3_600_000,
    perBuyerMax: 2,
    holdMs: 600_000,
  };
  return { sale: { ...sale, offers }, state, serverTime: NOW, offers };
}

const id = "01kbp3x9a1f6m2q8wr0e5tnh7c";

export const payment = (change: Partial<Payment> = {}): Payment => ({
  id: `pay_${id}01`,
  provider: "sandbox",
  account: "main",
  method: "bank",
  state: "requires_action",
  amount: price,
  createdAt: NOW,
  returnUrl: null,
  payer: null,
  inLine: false,
  callbackUrl: "http://localhost/v1/webhooks/sandbox",
  providerRef: "bank_1",
  action: { type: "redirect", url: "http://localhost/sandbox/payments/bank_1" },
  failure: null,
  asks: 0,
  askAt: null,
  ...change,
});

export const order = (change: Partial<Order> = {}): Order => ({
  order: `ord_${id}`,
  sale: "lamps",
  buyer: "buy_1",
  lines: [{ sku: "lamp-red", name: "Red lamp", quantity: 1, unitPrice: price }],
  amount: price,
  createdAt: NOW - 30_000,
  payBy: NOW + 570_000,
  state: "pending",
  reason: null,
  version: 1,
  updatedAt: NOW,
  payments: [],
  refunds: [],
  paidBy: null,
  stock: "held",
  take: 1,
  ...change,
});

export const refund = (reason: string, state: "pending" | "succeeded") => ({
  id: `ref_${id}01` as const,
  payment: `pay_${id}01` as const,
  state,
  amount: price,
  reason,
  createdAt: NOW,
});
