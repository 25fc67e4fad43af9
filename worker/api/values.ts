import { z } from "@hono/zod-openapi";
import { SLUG } from "../../schema/ids.ts";
import { REASON_CHARS_MAX } from "../../schema/limits.ts";
import { UNIT_PRICE_MINOR_MAX } from "../../schema/money.ts";

/** What the shapes of the wire are made of. */

export const instant = (description: string) =>
  z.iso.datetime({ precision: 3 }).openapi({ description, example: "2026-11-27T10:00:00.000Z" });

/** Instants that clients send: any precision, any offset. */
export const instantIn = z.iso.datetime({ offset: true }).openapi({ example: "2026-11-27T10:00:00Z" });

export const slug = (what: string) =>
  z
    .string()
    .regex(SLUG, "1 to 64 of a-z, 0-9 and -, not at the ends")
    .openapi({ description: what, example: "lamps" });

/** ISO 4217 codes that this runtime's CLDR knows. */
const CURRENCIES = new Set(Intl.supportedValuesOf("currency"));

export const Money = z
  .strictObject({
    amount: z.int().min(0).openapi({ description: "Integer minor units: 19900 is 199.00 CNY." }),
    currency: z
      .string()
      .length(3)
      .refine((code) => CURRENCIES.has(code), "an ISO 4217 currency in capitals"),
  })
  .openapi("Money", { example: { amount: 19900, currency: "CNY" } });

export const Price = Money.refine(({ amount }) => amount >= 1 && amount <= UNIT_PRICE_MINOR_MAX, {
  path: ["amount"],
  message: `from 1 to ${UNIT_PRICE_MINOR_MAX}`,
});

export const reason = z.string().trim().min(1).max(REASON_CHARS_MAX);
