import * as z from "zod";

/** One Stripe account, as the secret `STRIPE_ACCOUNT_<ID>` describes it. Test keys are Stripe's sandbox, live keys are money. */
export const StripeAccount = z.strictObject({
  /** A secret key, or better a restricted one that may write Checkout Sessions, PaymentIntents and Refunds. */
  secret_key: z.string().regex(/^[sr]k_(test|live)_\w+$/, "a secret or restricted key"),
  /** Of the webhook endpoint; two while one is rolled. */
  webhook_secrets: z
    .array(z.string().regex(/^whsec_\S+$/, "starts with whsec_"))
    .min(1)
    .max(3),
  /** Stripe takes 25 requests a second at each endpoint unless it has promised more (docs.stripe.com/rate-limits). */
  creations_per_second: z.number().min(0.1).max(10_000).default(20),
});
export type StripeAccount = z.infer<typeof StripeAccount>;

/** Which of Stripe's two worlds an account's events must come from. */
export const isLive = ({ secret_key: key }: StripeAccount): boolean => /^[sr]k_live_/.test(key);
