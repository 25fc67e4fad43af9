import { Webhook } from "standardwebhooks";
import { MAIN_ACCOUNT } from "../../../schema/order.ts";
import { err } from "../../../schema/result.ts";
import { exactText } from "../exact-text.ts";
import { PROVIDER_DEADLINE_MS } from "../outbound.ts";
import type { PaymentOutcome, PaymentProvider, RefundOutcome } from "../port.ts";
import { orUnknown, unknown, type Unknown } from "../unknown.ts";
import type { Desk, Shown } from "./desk.ts";
import { METHODS, noticeOf, outcomeOf, wayOf } from "./wire.ts";

/** A callback may be this much older, or newer, than our clock. */
const NOTICE_SKEW_MS_MAX = 5 * 60_000;
/**
 * One value each. A header that came twice arrives as one with a comma in it, and the package reads a number with letters
 * behind it as that number: neither gets that far.
 */
const HEADERS = [
  ["webhook-id", /^[\x21-\x2b\x2d-\x7e]{1,255}$/],
  ["webhook-timestamp", /^[1-9][0-9]{0,11}$/],
  ["webhook-signature", /^v[0-9]a?,[A-Za-z0-9+/=]{1,200}(?: v[0-9]a?,[A-Za-z0-9+/=]{1,200}){0,9}$/],
] as const;

/**
 * The sandbox bank behind the port. What it does not say in time, or says with an exception, is unknown.
 *
 * @param elsewhere the origin of a bank in another deployment; null when it is our own.
 */
export function sandbox(bank: Desk, secret: string, elsewhere: string | null = null): PaymentProvider {
  return {
    name: "sandbox",
    account: MAIN_ACCOUNT,
    methods: METHODS,

    create: (payment, { order, description, payBy }) =>
      within(async () => {
        const { id, amount, method, returnUrl, callbackUrl } = payment;
        const shop = new URL(callbackUrl).origin;
        const request = {
          reference: id,
          order,
          amount,
          description,
          method: wayOf(method),
          returnUrl: elsewhere === null ? returnUrl : (returnUrl ?? `${shop}/orders/${order}?returned=1`),
          callbackUrl,
          expiresAt: payBy,
        };
        return createdOutcome(await bank.createPayment(request), elsewhere ?? shop);
      }),

    query: ({ id }) =>
      within(async () => {
        const known = await bank.queryPayment(id);
        return known ? outcomeOf(known) : { kind: "not_found" };
      }),

    close: ({ id }) =>
      within(async () => {
        const closed = await bank.closePayment(id);
        return closed.ok ? outcomeOf(closed.value) : refusedOutcome(closed.error.code);
      }),

    capture: ({ id, amount }) =>
      within(async () => {
        const captured = await bank.capturePayment(id, amount);
        if (captured.ok) return outcomeOf(captured.value);
        // Whatever the payment is now, the question of what became of it answers better than a refusal.
        const known = captured.error.code === "wrong_state" ? await bank.queryPayment(id) : null;
        return known ? outcomeOf(known) : refusedOutcome(captured.error.code);
      }),

    refund: ({ id, payment, amount }) =>
      within(async (): Promise<RefundOutcome> => {
        const refunded = await bank.refundPayment({ reference: id, payment, amount });
        if (!refunded.ok) return { kind: "failed", failure: refunded.error.code };
        return refundOutcome(refunded.value.state);
      }),

    queryRefund: ({ id }) =>
      within(async (): Promise<RefundOutcome> => {
        const known = await bank.queryRefund(id);
        return known ? refundOutcome(known.state) : { kind: "not_found" };
      }),

    async readNotice(headers, body, now) {
      const wrong = HEADERS.find(([name, form]) => !form.test(headers.get(name) ?? ""));
      if (wrong) return unsigned(`The header ${wrong[0]} is missing or malformed.`);
      const sentAt = Number(headers.get("webhook-timestamp")) * 1_000;
      if (Math.abs(now - sentAt) > NOTICE_SKEW_MS_MAX)
        return unsigned("The callback is too old, or from the future.");
      const text = exactText(body);
      if (text === null) return unsigned("The body is not UTF-8.");
      const verifier = new Webhook(secret);
      try {
        // Compares in constant time, and by its own clock also refuses what is more than five minutes away.
        verifier.verify(text, Object.fromEntries(headers), { jsonParse: false });
      } catch (cause) {
        return unsigned(cause instanceof Error ? cause.message : "The signature does not match.");
      }
      return noticeOf(text);
    },

    acknowledge: () => new Response(null, { status: 200 }),
  };
}

const unsigned = (detail: string) => err({ code: "invalid_signature" as const, detail });

function createdOutcome(payment: Shown, origin: string): PaymentOutcome {
  const outcome = outcomeOf(payment);
  if (outcome.kind !== "open") return outcome;
  const action = { type: "redirect", url: `${origin}/sandbox/payments/${payment.id}` } as const;
  return { kind: "action_required", providerRef: payment.id, action };
}

function refusedOutcome(code: string): PaymentOutcome {
  return code === "not_found" ? { kind: "not_found" } : { kind: "unknown", cause: code };
}

const REFUND_MEANING = new Map<string, "pending" | "succeeded" | "failed">([
  ["pending", "pending"],
  ["succeeded", "succeeded"],
  ["failed", "failed"],
]);

function refundOutcome(state: string): RefundOutcome {
  const kind = REFUND_MEANING.get(state);
  if (!kind) return { kind: "unknown", cause: `the bank says "${state}"` };
  return kind === "failed" ? { kind, failure: "refused" } : { kind };
}

/** An answer in time, or none: a late one and a thrown one are both unknown. */
async function within<T extends { kind: string }>(call: () => Promise<T>): Promise<T | Unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<Unknown>((resolve) => {
    timer = setTimeout(() => resolve(unknown("no answer in time")), PROVIDER_DEADLINE_MS);
  });
  const said = await orUnknown(() => Promise.race([call(), silence]));
  clearTimeout(timer);
  return said;
}
