import * as z from "zod";

/** One PayPal application, as the secret `PAYPAL_ACCOUNT_<ID>` describes it. */
export const PayPalAccount = z.strictObject({
  client_id: z.string().regex(/^[\w-]{20,200}$/, "an application's id"),
  client_secret: z.string().regex(/^[\w-]{20,200}$/, "an application's secret"),
  /** Of the webhook that calls us: its signatures are bound to it. */
  webhook_id: z.string().regex(/^\w{10,40}$/, "a webhook's id"),
  environment: z.enum(["production", "sandbox"]).default("production"),
  /** PayPal publishes no limit and throttles by its own judgement. */
  creations_per_second: z.number().min(0.1).max(10_000).default(50),
});
export type PayPalAccount = z.infer<typeof PayPalAccount>;

export const HOSTS = {
  production: "https://api-m.paypal.com",
  sandbox: "https://api-m.sandbox.paypal.com",
} as const;
