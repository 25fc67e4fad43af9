import { money, type Money } from "../../schema/money.ts";

/** How many digits of a currency are minor units, as ISO 4217 has them. */
const digitsOf = (currency: string): number =>
  new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** `19900 CNY` as `199.00`. By digits: a float has no place in money. */
export function decimalOf({ amount, currency }: Money): string {
  const digits = digitsOf(currency);
  if (digits === 0) return String(amount);
  const text = String(amount).padStart(digits + 1, "0");
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** `199.00` of a currency as money, or null when it is written in any other way. */
export function moneyOf(decimal: string, currency: string): Money | null {
  const digits = digitsOf(currency);
  const form = digits === 0 ? /^\d{1,15}$/ : new RegExp(`^\\d{1,12}\\.\\d{${digits}}$`);
  return form.test(decimal) ? money(Number(decimal.replace(".", "")), currency) : null;
}
