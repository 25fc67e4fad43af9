import { createHash } from "node:crypto";

/**
 * Ids carry their route. An order id is `ord_` and 26 characters of Crockford base 32: when it was placed
 * (10, milliseconds), the number of its home SKU (8) and chance (8). A payment or refund is its order's
 * 26 characters and an ordinal (2), which keeps it within the 32 characters `[0-9A-Za-z_]` that WeChat Pay
 * allows for a merchant reference. So any part of the system finds the actor of any id without a look-up.
 */
export type SaleId = string;
export type SkuId = string;
export type BuyerId = string;
/** What names a SkuActor: 40 bits of the SHA-256 of the SKU's id, as 8 characters. */
export type SkuNumber = string;
export type OrderId = `ord_${string}`;
export type PaymentId = `pay_${string}`;
export type RefundId = `ref_${string}`;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARS = 10;
const NUMBER_CHARS = 8;
const CHANCE_CHARS = 8;
/** Bytes of chance in an order id: 40 bits beside the millisecond and the SKU. */
export const CHANCE_BYTES = 5;
const TAIL = `[${ALPHABET}]{${TIME_CHARS + NUMBER_CHARS + CHANCE_CHARS}}`;
const ORDINAL = `[${ALPHABET}]{2}`;

/** Payments, and refunds, of one order: as many as two base-32 characters count. */
export const ORDINAL_MAX = 32 * 32 - 1;

export const ORDER_ID = new RegExp(`^ord_${TAIL}$`);
export const PAYMENT_ID = new RegExp(`^pay_${TAIL}${ORDINAL}$`);
export const REFUND_ID = new RegExp(`^ref_${TAIL}${ORDINAL}$`);
/** Names that merchants give to sales and SKUs: they stand in URLs, logs and object names. */
export const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

function encode(value: number, chars: number): string {
  let text = "";
  for (let rest = value, i = 0; i < chars; i++, rest = Math.floor(rest / 32))
    text = ALPHABET[rest % 32] + text;
  return text;
}

function encodeBytes(bytes: Uint8Array): string {
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return encode(value, CHANCE_CHARS);
}

/** SKUs whose number is remembered: every press asks for that of the same few. */
const NUMBERS_MAX = 10_000;
const numbers = new Map<SkuId, SkuNumber>();

export function skuNumberOf(sku: SkuId): SkuNumber {
  const known = numbers.get(sku);
  if (known !== undefined) return known;
  const number = encodeBytes(createHash("sha256").update(sku).digest().subarray(0, CHANCE_BYTES));
  if (numbers.size >= NUMBERS_MAX) numbers.clear();
  numbers.set(sku, number);
  return number;
}

/** @param chance `CHANCE_BYTES` random bytes: the caller's, so that this stays a function. */
export function orderIdOf(home: SkuNumber, placedAt: number, chance: Uint8Array): OrderId {
  return `ord_${encode(placedAt, TIME_CHARS)}${home}${encodeBytes(chance)}`;
}

export const isOrderId = (text: string): text is OrderId => ORDER_ID.test(text);
export const isPaymentId = (text: string): text is PaymentId => PAYMENT_ID.test(text);
export const isRefundId = (text: string): text is RefundId => REFUND_ID.test(text);

export const homeOf = (order: OrderId): SkuNumber =>
  order.slice(4 + TIME_CHARS, 4 + TIME_CHARS + NUMBER_CHARS);

export const paymentIdOf = (order: OrderId, ordinal: number): PaymentId =>
  `pay_${order.slice(4)}${encode(ordinal, 2)}`;
export const refundIdOf = (order: OrderId, ordinal: number): RefundId =>
  `ref_${order.slice(4)}${encode(ordinal, 2)}`;

/** The order that a payment or a refund belongs to. */
export const orderOf = (id: PaymentId | RefundId): OrderId => `ord_${id.slice(4, -2)}`;
