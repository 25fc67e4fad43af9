import { createHash } from "node:crypto";
import fc from "fast-check";
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

/** The last millisecond a Date can name: no order is placed later. */
const TIME_MAX_MS = 8_640_000_000_000_000;
/** WeChat Pay's longest merchant reference, the shortest of any provider here. */
const REFERENCE = /^[0-9A-Za-z_]{1,32}$/;

const sku = fc.stringMatching(SLUG);
const placedAt = fc.integer({ min: 0, max: 32 ** 10 - 1 });
const chance = fc.uint8Array({ minLength: CHANCE_BYTES, maxLength: CHANCE_BYTES });
const ordinal = fc.integer({ min: 0, max: ORDINAL_MAX });
const order = fc.tuple(sku, placedAt, chance).map(([id, at, bytes]) => orderIdOf(skuNumberOf(id), at, bytes));

describe("an id", () => {
  test("of an order leads to the home SKU it was made for", () => {
    const leadsHome = fc.property(sku, placedAt, chance, (id, at, bytes) => {
      const made = orderIdOf(skuNumberOf(id), at, bytes);
      expect(isOrderId(made)).toBe(true);
      expect(homeOf(made)).toBe(skuNumberOf(id));
    });
    fc.assert(leadsHome);
  });

  test("of a payment or refund leads to its order, and is one kind of id only", () => {
    const leadsToOrder = fc.property(order, ordinal, (of, nth) => {
      const [pay, ref] = [paymentIdOf(of, nth), refundIdOf(of, nth)];
      expect([orderOf(pay), orderOf(ref)]).toEqual([of, of]);
      expect([isOrderId(of), isPaymentId(of), isRefundId(of)]).toEqual([true, false, false]);
      expect([isOrderId(pay), isPaymentId(pay), isRefundId(pay)]).toEqual([false, true, false]);
      expect([isOrderId(ref), isPaymentId(ref), isRefundId(ref)]).toEqual([false, false, true]);
    });
    fc.assert(leadsToOrder);
  });

  test("of a payment or refund is a reference that every provider takes", () => {
    fc.assert(
      fc.property(order, ordinal, (of, nth) => {
        expect(paymentIdOf(of, nth)).toMatch(REFERENCE);
        expect(refundIdOf(of, nth)).toMatch(REFERENCE);
      }),
    );
  });

  test("tells orders of one SKU apart by when they were placed, and then by chance", () => {
    const home = skuNumberOf("lamp-red");
    fc.assert(
      fc.property(placedAt, placedAt, chance, chance, (a, b, one, other) => {
        const same = a === b && one.every((byte, at) => byte === other[at]);
        expect(orderIdOf(home, a, one) === orderIdOf(home, b, other)).toBe(same);
        if (a !== b) expect(orderIdOf(home, a, one) < orderIdOf(home, b, other)).toBe(a < b);
      }),
    );
  });

  test("of each payment of one order is another, in the order they were started", () => {
    const of = orderIdOf(skuNumberOf("lamp-red"), 1_000, new Uint8Array(CHANCE_BYTES));
    const ids = Array.from({ length: ORDINAL_MAX + 1 }, (_, nth) => paymentIdOf(of, nth));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });

  test("has room for every instant", () => {
    expect(TIME_MAX_MS).toBeGreaterThan(32 ** 10);
    // Ten characters end in the year 37648: the format outlives its users.
    expect(new Date(32 ** 10 - 1).getUTCFullYear()).toBeGreaterThan(30_000);
  });

  const of = orderIdOf(skuNumberOf("lamp-red"), 1_000, new Uint8Array(CHANCE_BYTES));
  const notIds = [
    "",
    "ord_",
    of.slice(0, -1),
    `${of}0`,
    ` ${of}`,
    `${of}\n`,
    of.toUpperCase(),
    of.replace("ord_", "odr_"),
    // The letters that are mistaken for digits, or for one another, are in no id.
    ...["i", "l", "o", "u", "-"].map((letter) => of.slice(0, -1) + letter),
  ];
  test.each(notIds)("is not %j", (text) => {
    expect(isOrderId(text)).toBe(false);
  });
});

describe("a SKU's number", () => {
  test("is forty bits of the SHA-256 of its name", () => {
    const digits = "0123456789abcdefghjkmnpqrstvwxyz";
    fc.assert(
      fc.property(sku, (id) => {
        const bits = BigInt(`0x${createHash("sha256").update(id).digest("hex").slice(0, 10)}`);
        let read = 0n;
        for (const char of skuNumberOf(id)) read = read * 32n + BigInt(digits.indexOf(char));
        expect(read).toBe(bits);
        expect(skuNumberOf(id)).toHaveLength(8);
      }),
    );
  });

  test("never changes, since actors are named by it", () => {
    expect(skuNumberOf("lamp-red")).toBe(skuNumberOf("lamp-red"));
    expect(skuNumberOf("lamp-red")).not.toBe(skuNumberOf("lamp-blue"));
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
