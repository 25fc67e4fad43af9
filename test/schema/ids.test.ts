import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  CHANCE_BYTES,
  homeOf,
  isOrderId,
  isPaymentId,
  isRefundId,
  orderIdOf,
  orderOf,
  ORDINAL_MAX,
  paymentIdOf,
  refundIdOf,
  skuNumberOf,
  SLUG,
} from "../../schema/ids.ts";

/** WeChat Pay's longest merchant reference, the shortest of any provider here. */
const REFERENCE = /^[0-9A-Za-z_]{1,32}$/;
/** Ten characters end here, in the year 37648. */
const TIME_MAX_MS = 32 ** 10 - 1;

const SKUS = ["a", "lamp-red", "lamp-blue", "7", "x".repeat(64)];
const TIMES = [0, 1, 31, 32, 1_000_000_000_000, 1_795_000_000_000, TIME_MAX_MS];
const CHANCES = [
  [0, 0, 0, 0, 0],
  [0, 0, 0, 0, 1],
  [1, 0, 0, 0, 0],
  [255, 255, 255, 255, 255],
].map((bytes) => Uint8Array.from(bytes));
const ORDINALS = [0, 1, 31, 32, ORDINAL_MAX];

const BLANK = new Uint8Array(CHANCE_BYTES);
const LAMP = orderIdOf(skuNumberOf("lamp-red"), 1_000, BLANK);

/** Orders of every SKU, at every time, with every chance. */
const ORDERS = SKUS.flatMap((sku) =>
  TIMES.flatMap((at) => CHANCES.map((chance) => ({ sku, at, id: orderIdOf(skuNumberOf(sku), at, chance) }))),
);

describe("an id", () => {
  test("of an order leads to the home SKU it was made for", () => {
    for (const { sku, id } of ORDERS) {
      expect(isOrderId(id), id).toBe(true);
      expect(homeOf(id), id).toBe(skuNumberOf(sku));
    }
  });

  test("of an order is the id of no other", () => {
    expect(new Set(ORDERS.map(({ id }) => id)).size).toBe(SKUS.length * TIMES.length * CHANCES.length);
  });

  test("of an order stands after those that were placed earlier", () => {
    const byId = ORDERS.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ at }) => at);
    expect(byId).toEqual(byId.toSorted((a, b) => a - b));
  });

  test("of a payment or refund leads to its order, and is an id of one kind", () => {
    for (const { id } of ORDERS)
      for (const ordinal of ORDINALS) {
        const [pay, ref] = [paymentIdOf(id, ordinal), refundIdOf(id, ordinal)];
        expect([orderOf(pay), orderOf(ref)]).toEqual([id, id]);
        expect([id, pay, ref].map(isOrderId)).toEqual([true, false, false]);
        expect([id, pay, ref].map(isPaymentId)).toEqual([false, true, false]);
        expect([id, pay, ref].map(isRefundId)).toEqual([false, false, true]);
      }
  });

  test("of a payment or refund is a reference that every provider takes", () => {
    for (const { id } of ORDERS) {
      expect(paymentIdOf(id, ORDINAL_MAX)).toMatch(REFERENCE);
      expect(refundIdOf(id, ORDINAL_MAX)).toMatch(REFERENCE);
    }
  });

  test("of each payment of one order is another, in the order they were started", () => {
    const ids = Array.from({ length: ORDINAL_MAX + 1 }, (_, ordinal) => paymentIdOf(LAMP, ordinal));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });

  const notIds = [
    "",
    "ord_",
    LAMP.slice(0, -1),
    `${LAMP}0`,
    ` ${LAMP}`,
    `${LAMP}\n`,
    LAMP.toUpperCase(),
    LAMP.replace("ord_", "odr_"),
    // The letters that are taken for digits, or for one another, are in no id.
    ...["i", "l", "o", "u", "-"].map((letter) => LAMP.slice(0, -1) + letter),
  ];
  test.each(notIds)("is not %j", (text) => {
    expect(isOrderId(text)).toBe(false);
  });
});

describe("a SKU's number", () => {
  test.each(SKUS)("is forty bits of the SHA-256 of %s", (sku) => {
    const digits = "0123456789abcdefghjkmnpqrstvwxyz";
    let read = 0n;
    for (const char of skuNumberOf(sku)) read = read * 32n + BigInt(digits.indexOf(char));
    const bits = createHash("sha256").update(sku).digest("hex").slice(0, 10);
    expect(read).toBe(BigInt(`0x${bits}`));
    expect(skuNumberOf(sku)).toHaveLength(8);
  });

  test("stays what it was, since actors are named by it", () => {
    // Worked out from `printf lamp-red | sha256sum`: another answer would lose the stock of every sale.
    expect(skuNumberOf("lamp-red")).toBe("6xxb0ytp");
  });
});

describe("a slug", () => {
  test.each(["a", "7", "lamp-red", "a--b", "a".repeat(64)])("may be %j", (text) => {
    expect(SLUG.test(text)).toBe(true);
  });

  test.each(["", "-a", "a-", "Lamp", "lamp_red", "lamp red", "lämp", "a/b", "a\n", "a".repeat(65)])(
    "may not be %j",
    (text) => {
      expect(SLUG.test(text)).toBe(false);
    },
  );
});
