import { Stripe } from "stripe";
import { orderOf } from "../../../schema/ids.ts";
import type { Payment } from "../../../schema/order.ts";
import { err, type Result } from "../../../schema/result.ts";
import { exactText } from "../exact-text.ts";
import { PROVIDER_DEADLINE_MS } from "../outbound.ts";
import type { NoticeRefusal, Outbound, PaymentOutcome, PaymentProvider, Purchase } from "../port.ts";
import { orUnknown, unknown } from "../unknown.ts";
import { isLive, type StripeAccount } from "./account.ts";
import { actionOf, intentOf, methodsAt, noticeOf, outcomeOf, refundOutcomeOf, type Thing } from "./wire.ts";

/**
 * Stripe's page lives for at least half an hour, counted by Stripe's clock when it hears of it (docs.stripe.com/api/checkout/
 * sessions/create, `expires_at`). The rest is for the way there, and for two clocks.
 */
const PAGE_MS = 32 * 60_000;
/** Characters of a description that a buyer's page and a statement can show. */
const DESCRIPTION_CHARS_MAX = 250;
/** Stripe forgets keys after a day: a creation that is repeated later would be another one. */
const KEY_MS = 23 * 3_600_000;
/** An event may be this much older, or newer, than our clock. Stripe's own check knows only the past. */
const NOTICE_SKEW_MS_MAX = 5 * 60_000;
const SIGNATURE = /^t=(\d{1,12})(?:,v[01]=[0-9a-f]{64}){1,10}$/;
const NEVER_MADE = { kind: "not_found" } as const;
/** More refunds than an order may ever have. */
const REFUNDS_MAX = 100;

/** One Stripe account behind the port. Money is promised first (manual capture), and taken when the stock is sold. */
export function stripe(id: string, account: StripeAccount, outbound: Outbound): PaymentProvider {
  const api = new Stripe(account.secret_key, {
    httpClient: Stripe.createFetchHttpClient((url, init) => outbound(new Request(url, init))),
    maxNetworkRetries: 0,
    timeout: PROVIDER_DEADLINE_MS,
    telemetry: false,
  });

  return {
    name: "stripe",
    account: id,
    methods: methodsAt(account.creations_per_second),

    create: (payment, purchase) =>
      said(async () => {
        const thing = await made(api, payment, purchase);
        return thing ? withAction(thing, outcomeOf(thing)) : NEVER_MADE;
      }),

    query: (payment, purchase) =>
      said(async () => {
        const thing = await found(api, payment, purchase);
        if (!thing) return NEVER_MADE;
        const outcome = outcomeOf(thing);
        return payment.providerRef === null ? withAction(thing, outcome) : outcome;
      }),

    close: (payment, purchase) =>
      said(async () => {
        const thing = await found(api, payment, purchase);
        if (!thing) return NEVER_MADE;
        const ended = await tried(() => end(api, thing));
        // Refused: somebody was quicker, the buyer or an earlier call of ours. What it is now is the answer.
        return outcomeOf(ended ?? (await byReference(api, thing.id)));
      }),

    capture: (payment) =>
      said(async () => {
        const intent = await intentOfPayment(api, payment);
        const { amount } = payment.amount;
        const captured = await tried(() =>
          api.paymentIntents.capture(intent.id, { amount_to_capture: amount }),
        );
        const outcome = outcomeOf(captured ?? (await byReference(api, intent.id)));
        return outcome.kind === "authorized" ? unknown("Stripe refused the capture") : outcome;
      }),

    refund: (refund, payment) =>
      said(async () => {
        const intent = await intentOfPayment(api, payment);
        const { amount } = refund.amount;
        const metadata = { refund: refund.id, payment: payment.id, order: orderOf(payment.id) };
        const given = await tried(() =>
          api.refunds.create({ payment_intent: intent.id, amount, metadata }, { idempotencyKey: refund.id }),
        );
        return given ? refundOutcomeOf(given) : { kind: "failed", failure: "refused" };
      }),

    queryRefund: (refund, payment) =>
      said(async () => {
        const intent = await intentOfPayment(api, payment);
        const { data } = await api.refunds.list({ payment_intent: intent.id, limit: REFUNDS_MAX });
        const known = data.find(({ metadata }) => metadata?.["refund"] === refund.id);
        return known ? refundOutcomeOf(known) : { kind: "not_found" };
      }),

    async readNotice(headers, body, now) {
      const signed = await signedText(api, account, headers.get("stripe-signature") ?? "", body, now);
      return signed.ok ? noticeOf(signed.value, id, isLive(account)) : signed;
    },

    acknowledge: () => new Response(null, { status: 200 }),
  };
}

/**
 * A payment as its creation left it, and if that was an earlier one, as it is now. Everything sent is derived from what never
 * changes of the payment, so that a repeat is the same request, which is how a creation whose answer was lost is found: Stripe's
 * lists and searches lag behind, its idempotency keys do not. Null when it was never made and cannot be any more: a page that
 * was to end so soon is refused before a key is looked at for the first time, and answered as ever for a key that is known.
 */
async function made(api: Stripe, payment: Payment, purchase: Purchase): Promise<Thing | null> {
  if (Date.now() >= payment.createdAt + KEY_MS)
    throw new Error("Stripe has forgotten the key of this payment");
  const options = { idempotencyKey: payment.id };
  try {
    const thing =
      payment.method === "card"
        ? await api.paymentIntents.create(intentParams(payment, purchase), options)
        : await api.checkout.sessions.create(pageParams(payment, purchase), options);
    // Typed as a record, and with fetch it is the answer's own headers.
    const isReplay = new Headers(thing.lastResponse.headers).get("idempotent-replayed") === "true";
    return isReplay ? await byReference(api, thing.id) : thing;
  } catch (cause) {
    if (cause instanceof Stripe.errors.StripeInvalidRequestError && cause.param === "expires_at") return null;
    throw cause;
  }
}

const found = (api: Stripe, payment: Payment, purchase: Purchase): Promise<Thing | null> =>
  payment.providerRef === null ? made(api, payment, purchase) : byReference(api, payment.providerRef);

const byReference = (api: Stripe, ref: string): Promise<Thing> =>
  ref.startsWith("pi_")
    ? api.paymentIntents.retrieve(ref)
    : api.checkout.sessions.retrieve(ref, { expand: ["payment_intent"] });

async function intentOfPayment(api: Stripe, { providerRef }: Payment): Promise<Stripe.PaymentIntent> {
  if (providerRef === null) throw new Error("Stripe has not named this payment yet");
  const intent = intentOf(await byReference(api, providerRef));
  if (!intent) throw new Error("nobody has paid on this page yet");
  return intent;
}

/** A page is closed while it is open; after that the promise behind it is let go. What is over stays as it is. */
async function end(api: Stripe, thing: Thing): Promise<Thing> {
  if (thing.object === "checkout.session" && thing.status === "open")
    return api.checkout.sessions.expire(thing.id);
  const intent = intentOf(thing);
  const isOver = !intent || intent.status === "succeeded" || intent.status === "canceled";
  return isOver ? thing : api.paymentIntents.cancel(intent.id);
}

const metadataOf = ({ id }: Payment, { order }: Purchase) => ({ payment: id, order });

function pageParams(payment: Payment, purchase: Purchase): Stripe.Checkout.SessionCreateParams {
  const { id, amount, createdAt, callbackUrl, returnUrl } = payment;
  const { origin } = new URL(callbackUrl);
  const description = purchase.description.slice(0, DESCRIPTION_CHARS_MAX);
  const metadata = metadataOf(payment, purchase);
  const price = { currency: amount.currency.toLowerCase(), unit_amount: amount.amount };
  return {
    mode: "payment",
    client_reference_id: id,
    line_items: [{ quantity: 1, price_data: { ...price, product_data: { name: description } } }],
    success_url: returnUrl ?? `${origin}/orders/${purchase.order}?returned=1`,
    cancel_url: `${origin}/orders/${purchase.order}/pay`,
    expires_at: Math.ceil(Math.max(purchase.payBy, createdAt + PAGE_MS) / 1_000),
    metadata,
    payment_intent_data: { capture_method: "manual", description, metadata },
  };
}

const intentParams = (payment: Payment, purchase: Purchase): Stripe.PaymentIntentCreateParams => ({
  amount: payment.amount.amount,
  currency: payment.amount.currency.toLowerCase(),
  capture_method: "manual",
  automatic_payment_methods: { enabled: true },
  description: purchase.description.slice(0, DESCRIPTION_CHARS_MAX),
  metadata: metadataOf(payment, purchase),
});

function withAction(thing: Thing, outcome: PaymentOutcome): PaymentOutcome {
  const action = outcome.kind === "open" ? actionOf(thing) : null;
  return action ? { kind: "action_required", providerRef: thing.id, action } : outcome;
}

/** The answer; null when Stripe read the request and refused it, so that nothing came of it. */
async function tried<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof Stripe.errors.StripeInvalidRequestError && cause.statusCode === 400) return null;
    throw cause;
  }
}

/** Stripe's own sentences may quote what was sent, its codes do not. */
const causeOf = (cause: unknown): string => {
  if (cause instanceof Stripe.errors.StripeError)
    return [cause.type, cause.code, cause.requestId].filter(Boolean).join(" ");
  return cause instanceof Error ? cause.message : String(cause);
};

const said = <T extends { kind: string }>(call: () => Promise<T>) => orUnknown(call, causeOf);

/** The body of an event, once it is proven to be Stripe's and of now. */
async function signedText(
  api: Stripe,
  { webhook_secrets: secrets }: StripeAccount,
  signature: string,
  body: Uint8Array<ArrayBuffer>,
  now: number,
): Promise<Result<string, NoticeRefusal>> {
  const refused = (detail: string) => err({ code: "invalid_signature" as const, detail });
  const [, seconds] = SIGNATURE.exec(signature) ?? [];
  if (seconds === undefined) return refused("The header stripe-signature is missing or malformed.");
  for (const clock of [now, Date.now()])
    if (Math.abs(clock - Number(seconds) * 1_000) > NOTICE_SKEW_MS_MAX)
      return refused("The event is too old, or from the future.");
  const text = exactText(body);
  if (text === null) return refused("The body is not UTF-8.");
  for (const secret of secrets)
    if (await isSignedBy(api, text || body, signature, secret)) return { ok: true, value: text };
  return refused("The signature does not match.");
}

async function isSignedBy(
  api: Stripe,
  payload: string | Uint8Array,
  signature: string,
  secret: string,
): Promise<boolean> {
  try {
    await api.webhooks.constructEventAsync(payload, signature, secret);
    return true;
  } catch (cause) {
    // Anything else is about what the body says, which comes after who says it.
    return !(cause instanceof Stripe.errors.StripeSignatureVerificationError);
  }
}
