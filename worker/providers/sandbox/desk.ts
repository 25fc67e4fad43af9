import * as z from "zod";
import type { BankCreate, BankRefusal } from "../../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../../schema/ids.ts";
import type { Money } from "../../../schema/money.ts";
import { err, ok, type Result } from "../../../schema/result.ts";
import { NUMBERED } from "../outbound.ts";
import type { Outbound } from "../port.ts";

/** A payment as the bank shows it to a shop. Its words are not checked here: `wire.ts` knows what they mean. */
export interface Shown {
  readonly id: string;
  readonly state: string;
  readonly amount: Money;
}

/** What a shop may ask of the bank. */
export interface Desk {
  createPayment(request: BankCreate): Promise<Shown>;
  queryPayment(reference: PaymentId): Promise<Shown | null>;
  closePayment(reference: PaymentId): Promise<Result<Shown, BankRefusal>>;
  capturePayment(reference: PaymentId, amount: Money): Promise<Result<Shown, BankRefusal>>;
  refundPayment(request: {
    reference: RefundId;
    payment: PaymentId;
    amount: Money;
  }): Promise<Result<{ state: string }, BankRefusal>>;
  queryRefund(reference: RefundId): Promise<{ state: string } | null>;
}

const Payment = z.object({
  id: z.string(),
  state: z.string(),
  amount: z.object({ amount: z.int(), currency: z.string() }),
});
const Refund = z.object({ state: z.string() });
const Refusal = z.object({ code: z.enum(["not_found", "wrong_state", "amount_exceeded"]) });

/**
 * The desk of a bank in another deployment, over HTTP (`desk-routes.ts`). Whatever is neither an answer nor one of the bank's
 * refusals is thrown.
 */
export function deskAt(origin: string, secret: string, outbound: Outbound): Desk {
  async function ask<T>(
    answered: z.ZodType<T>,
    path: string,
    body?: object,
  ): Promise<Result<T, BankRefusal>> {
    const answer = await outbound(
      new Request(`${origin}/sandbox/v1/shop/${path}`, {
        method: body ? "POST" : "GET",
        headers: { authorization: `Bearer ${secret}`, ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
      }),
      NUMBERED,
    );
    const said = await answer.json();
    if (answer.ok) return ok(answered.parse(said));
    if (answer.status === 404 || answer.status === 409) return err(Refusal.parse(said));
    throw new Error(`the bank answers ${answer.status}`);
  }
  const orNull = <T>(answer: Result<T, BankRefusal>): T | null => {
    if (answer.ok) return answer.value;
    if (answer.error.code === "not_found") return null;
    throw new Error(`the bank answers ${answer.error.code}`);
  };

  return {
    async createPayment(request) {
      const { returnUrl, callbackUrl, expiresAt, ...rest } = request;
      const wanted = { ...rest, return_url: returnUrl, callback_url: callbackUrl, expires_at: expiresAt };
      const made = orNull(await ask(Payment, "payments", wanted));
      if (!made) throw new Error("the bank has no desk there");
      return made;
    },
    queryPayment: async (reference) => orNull(await ask(Payment, `payments/${reference}`)),
    closePayment: (reference) => ask(Payment, `payments/${reference}/close`, {}),
    capturePayment: (reference, amount) => ask(Payment, `payments/${reference}/capture`, { amount }),
    refundPayment: (request) => ask(Refund, "refunds", request),
    queryRefund: async (reference) => orNull(await ask(Refund, `refunds/${reference}`)),
  };
}
