import type { BankPayment } from "../../../schema/actors.ts";
import type { PaymentId } from "../../../schema/ids.ts";
import type { Order, Payment, Refund, Report } from "../../../schema/order.ts";
import { PROVIDER_DEADLINE_MS } from "../../../worker/providers/outbound.ts";
import type { PaymentOutcome, RefundOutcome } from "../../../worker/providers/port.ts";
import { paymentReport, refundReport } from "../../../worker/providers/reports.ts";
import { outcomeOf } from "../../../worker/providers/sandbox/wire.ts";
import type { Flow } from "../flow.ts";
import type { World } from "../world.ts";

/** The bank behind the port: what it throws, or does not say in time, is unknown. */

/** Has a payment created, and answers with what the order hears of it. */
export function* created({ bank, loop }: World, order: Order, payment: Payment): Flow<Report> {
  const { id, amount, method } = payment;
  const creating = bank.createPayment({
    reference: id,
    order: order.order,
    amount,
    description: "",
    method: method === "card" ? "card" : "bank",
    returnUrl: null,
    callbackUrl: "",
    expiresAt: order.payBy,
  });
  let outcome: PaymentOutcome = { kind: "unknown", cause: "the bank is down" };
  try {
    const made = yield* inTime(creating, (rest) => loop.begin(rest, () => undefined));
    outcome = made ? createdOutcome(made) : { kind: "unknown", cause: "no answer in time" };
  } catch {
    // The bank is down.
  }
  return paymentReport(id, outcome, { via: "answer" });
}

/** The answer, or null when there is none in time; then the bank goes on with it by itself. */
function* inTime<T>(flow: Flow<T>, goOn: (rest: Flow<T>) => void): Flow<T | null> {
  let left = PROVIDER_DEADLINE_MS;
  for (;;) {
    const { done, value } = flow.next();
    if (done) return value;
    const ms = Number(value);
    if (ms > left) {
      goOn(later(flow, ms));
      yield left;
      return null;
    }
    left -= ms;
    yield ms;
  }
}

function* later<T>(flow: Flow<T>, ms: number): Flow<T> {
  yield ms;
  return yield* flow;
}

function createdOutcome(payment: BankPayment): PaymentOutcome {
  const outcome = outcomeOf(payment);
  if (outcome.kind !== "open") return outcome;
  const action = { type: "redirect", url: payment.id } as const;
  return { kind: "action_required", providerRef: payment.id, action };
}

/** What the order hears of a payment that its provider was asked to do something about. */
export function asked({ bank }: World, work: "query" | "close" | "capture", { id, amount }: Payment): Report {
  const via = work === "query" ? "query" : "answer";
  return paymentReport(
    id,
    said(() => ASKED[work](bank, id, amount)),
    { via },
  );
}

type Asked = (bank: World["bank"], id: PaymentId, amount: Payment["amount"]) => PaymentOutcome;

const ASKED: Record<"query" | "close" | "capture", Asked> = {
  query: (bank, id) => knownOutcome(bank.queryPayment(id)) ?? { kind: "not_found" },
  close: (bank, id) => {
    const closed = bank.closePayment(id);
    return closed.ok ? outcomeOf(closed.value) : refusedOutcome(closed.error.code);
  },
  capture: (bank, id, amount) => {
    const captured = bank.capturePayment(id, amount);
    if (captured.ok) return outcomeOf(captured.value);
    const { code } = captured.error;
    return (code === "wrong_state" ? knownOutcome(bank.queryPayment(id)) : null) ?? refusedOutcome(code);
  },
};

const knownOutcome = (known: BankPayment | null): PaymentOutcome | null => known && outcomeOf(known);

const refusedOutcome = (code: string): PaymentOutcome =>
  code === "not_found" ? { kind: "not_found" } : { kind: "unknown", cause: code };

/** What the order hears of money that is to go back; null while there is nothing final. What is known is asked first. */
export function refunded({ bank }: World, { id, payment, amount }: Refund): Report | null {
  const outcome = said((): RefundOutcome => {
    const known = bank.queryRefund(id);
    if (known && known.state !== "pending") return refundOutcome(known.state);
    const given = bank.refundPayment({ reference: id, payment, amount });
    return given.ok ? refundOutcome(given.value.state) : { kind: "failed", failure: given.error.code };
  });
  return refundReport(id, outcome, { via: "answer" });
}

const refundOutcome = (state: "pending" | "succeeded" | "failed"): RefundOutcome =>
  state === "failed" ? { kind: state, failure: "refused" } : { kind: state };

function said<T>(ask: () => T): T | { kind: "unknown"; cause: string } {
  try {
    return ask();
  } catch {
    return { kind: "unknown", cause: "the bank is down" };
  }
}
