/**
 * Money is an integer number of minor units (fen, cents) and its ISO 4217 currency. Never a float, never a
 * bigint: SQLite in Workers binds neither safely, and 2^53 minor units are more than any sale takes.
 */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** One unit of anything costs at most this; with `QUANTITY_MAX` and `LINES_MAX` every sum stays a safe integer. */
export const UNIT_PRICE_MINOR_MAX = 100_000_000_000;

export const money = (amount: number, currency: string): Money => {
  if (!Number.isSafeInteger(amount)) throw new Error(`not an amount in minor units: ${amount}`);
  return { amount, currency };
};

export const sameMoney = (a: Money, b: Money): boolean => a.amount === b.amount && a.currency === b.currency;

export const times = (price: Money, quantity: number): Money =>
  money(price.amount * quantity, price.currency);

/** The sum of at least one amount of one currency. */
export function sum(amounts: readonly Money[]): Money {
  const [first] = amounts;
  if (!first) throw new Error("the sum of no money has no currency");
  let total = 0;
  for (const { amount, currency } of amounts) {
    if (currency !== first.currency) throw new Error(`cannot add ${currency} to ${first.currency}`);
    total += amount;
  }
  return money(total, first.currency);
}
