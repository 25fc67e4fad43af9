import { isPaymentId, isRefundId, orderOf } from "../../schema/ids.ts";
import type { Receiver } from "../../schema/order.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { orderActor } from "../actors.ts";
import { BILL_ROWS_MAX } from "../providers/bill.ts";
import type { BillRow } from "../providers/port.ts";
import { providerOf } from "../providers/registry.ts";
import { openCase } from "../read-models/cases.ts";
import { settledByIds, succeededWithin, type Settled } from "../read-models/settled.ts";

/** Both wallets' days begin when Beijing's does. */
const BEIJING_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;
/** Who starts to pay so shortly before midnight may be on the next day's bill. */
const EDGE_MS = 3_600_000;

export interface Difference {
  /** `amount`: both know it, with other sums. `theirs`: only the bill has it, or not as paid with us. `ours`: the bill lacks it. */
  readonly kind: "amount" | "theirs" | "ours";
  readonly reference: string;
  readonly detail: string;
}

export interface Reconciled {
  readonly matched: number;
  readonly differences: readonly Difference[];
}

/**
 * Compares a provider's bill of one day with what we know. Every difference is a case, and whatever the bill knows better the
 * order is told to ask about: a bill is no signed word about one payment, and changes nothing by itself.
 *
 * @param day `2026-11-21`, in Beijing's time.
 */
export async function reconcile(
  env: Env,
  receiver: Receiver,
  day: string,
  now: number,
): Promise<Result<Reconciled, { code: "no_bill" | "unavailable"; detail: string }>> {
  const provider = providerOf(env, receiver);
  if (!provider?.bill) return err({ code: "no_bill", detail: `${receiver.provider} has no bills here` });
  const bill = await provider.bill(day);
  return Array.isArray(bill)
    ? ok(await reconcileWith(env, receiver, day, bill, now))
    : err({ code: "unavailable", detail: bill.cause });
}

/** The same, with the bill at hand. */
export async function reconcileWith(
  env: Env,
  receiver: Receiver,
  day: string,
  bill: readonly BillRow[],
  now: number,
): Promise<Reconciled> {
  const differences = [
    ...(await ofRows(env, "payment", bill)),
    ...(await ofRows(env, "refund", bill)),
    ...(await missing(env, receiver, day, bill)),
  ];
  for (const difference of differences) await tell(env, receiver, day, difference, now);
  const known = bill.filter(({ reference }) => isPaymentId(reference) || isRefundId(reference));
  const theirs = differences.filter(({ kind }) => kind !== "ours").length;
  return { matched: known.length - theirs, differences };
}

/** Rows that are ours by their number, and are not as we know them. Other business of the same account is none of ours. */
async function ofRows(env: Env, kind: BillRow["kind"], bill: readonly BillRow[]): Promise<Difference[]> {
  const isOurs = kind === "payment" ? isPaymentId : isRefundId;
  const rows = bill.filter((row) => row.kind === kind && isOurs(row.reference));
  const known = await settledByIds(
    env.DB,
    kind,
    rows.map(({ reference }) => reference),
  );
  return rows.flatMap((row) => {
    const difference = differenceOf(row, known.get(row.reference));
    return difference ? [difference] : [];
  });
}

function differenceOf({ reference, kind, amount }: BillRow, ours: Settled | undefined): Difference | null {
  const sum = `${amount.amount} ${amount.currency}`;
  if (!ours)
    return { kind: "theirs", reference, detail: `the bill has a ${kind} of ${sum} that we have never seen` };
  if (ours.amountMinor !== amount.amount)
    return { kind: "amount", reference, detail: `the bill says ${sum}, we say ${ours.amountMinor}` };
  if (ours.state === "succeeded") return null;
  return {
    kind: "theirs",
    reference,
    detail: `the bill has a ${kind} of ${sum}, with us it is ${ours.state}`,
  };
}

/** Payments that have succeeded here, on that day and well before its end, and that the bill does not have. */
async function missing(
  env: Env,
  receiver: Receiver,
  day: string,
  bill: readonly BillRow[],
): Promise<Difference[]> {
  const from = Date.parse(`${day}T00:00:00.000Z`) - BEIJING_MS;
  const within = { ...receiver, from, until: from + DAY_MS - EDGE_MS };
  const references = new Set(bill.map(({ reference }) => reference));
  const ours = await succeededWithin(env.DB, within, BILL_ROWS_MAX);
  return ours
    .filter(({ id }) => !references.has(id))
    .map(({ id, amountMinor }) => ({
      kind: "ours",
      reference: id,
      detail: `we have a payment of ${amountMinor}, the bill has none`,
    }));
}

async function tell(
  env: Env,
  { provider, account }: Receiver,
  day: string,
  { kind, reference, detail }: Difference,
  now: number,
): Promise<void> {
  const isOurs = isPaymentId(reference) || isRefundId(reference);
  const order = isOurs ? orderOf(reference) : null;
  await openCase(env.DB, {
    id: `bill_mismatch:${kind}:${reference}`,
    kind: "bill_mismatch",
    order,
    payment: isPaymentId(reference) ? reference : null,
    detail: `${provider}/${account}, bill of ${day}: ${detail}`,
    openedAt: now,
  });
  if (order && kind === "theirs")
    await orderActor(env, order).report([{ type: "query_requested", by: "bill" }]);
}
