import { describe, expect, test } from "vitest";
import { LINES_MAX, QUANTITY_MAX } from "../../schema/limits.ts";
import { money, sameMoney, sum, times, UNIT_PRICE_MINOR_MAX } from "../../schema/money.ts";

const cny = (amount: number) => money(amount, "CNY");

describe("money", () => {
  test.each([0.1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1])(
    "is never %d minor units",
    (amount) => {
      expect(() => cny(amount)).toThrow("minor units");
    },
  );

  test("is the same when amount and currency are", () => {
    expect(sameMoney(cny(100), cny(100))).toBe(true);
    expect(sameMoney(cny(100), cny(101))).toBe(false);
    expect(sameMoney(cny(100), money(100, "USD"))).toBe(false);
  });

  test("of an order adds up exactly, whatever its lines", () => {
    const prices = [0, 1, 9_999, 123_456_789, UNIT_PRICE_MINOR_MAX - 1];
    const lines = prices.flatMap((price) =>
      [1, 7, QUANTITY_MAX].map((quantity) => [price, quantity] as const),
    );
    const exact = lines.reduce((all, [price, quantity]) => all + BigInt(price) * BigInt(quantity), 0n);
    const total = sum(lines.map(([price, quantity]) => times(cny(price), quantity)));
    expect(BigInt(total.amount)).toBe(exact);
    expect(total.currency).toBe("CNY");
  });

  test("of the greatest order there can be is still an exact number", () => {
    const line = times(cny(UNIT_PRICE_MINOR_MAX), QUANTITY_MAX);
    const order = sum(Array.from({ length: LINES_MAX }, () => line));
    expect(order).toEqual(cny(UNIT_PRICE_MINOR_MAX * QUANTITY_MAX * LINES_MAX));
    expect(Number.isSafeInteger(order.amount)).toBe(true);
  });

  test("that is more than can be counted exactly is refused", () => {
    expect(() => sum([cny(Number.MAX_SAFE_INTEGER), cny(1)])).toThrow("minor units");
    expect(() => times(cny(Number.MAX_SAFE_INTEGER), 2)).toThrow("minor units");
  });

  test("of two currencies has no sum, and neither has no money", () => {
    expect(() => sum([cny(1), money(1, "USD")])).toThrow("cannot add USD to CNY");
    expect(() => sum([])).toThrow("no money");
  });
});
