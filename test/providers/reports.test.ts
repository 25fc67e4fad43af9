import { expect, test } from "vitest";
import { orderOf } from "../../schema/ids.ts";
import type { PaymentOutcome, RefundOutcome } from "../../worker/providers/port.ts";
import { paymentReport, refundReport } from "../../worker/providers/reports.ts";
import { cny, payment, pending, refund } from "../fixtures/orders.ts";

const { id } = payment(pending());
const back = refund(pending({ order: orderOf(id) })).id;
const providerRef = "bnk_1";
const amount = cny(100);
const action = { type: "qr", content: "x" } as const;

const outcomes: [PaymentOutcome, object][] = [
  [
    { kind: "action_required", providerRef, action },
    { type: "payment_action_required", providerRef, action },
  ],
  [{ kind: "open", providerRef }, { type: "payment_open" }],
  [
    { kind: "authorized", providerRef, amount },
    { type: "payment_authorized", providerRef, amount },
  ],
  [
    { kind: "succeeded", providerRef, amount },
    { type: "payment_succeeded", providerRef, amount },
  ],
  [
    { kind: "failed", failure: "declined" },
    { type: "payment_failed", failure: "declined" },
  ],
  [{ kind: "closed" }, { type: "payment_closed" }],
  [{ kind: "not_found" }, { type: "payment_not_found" }],
  [
    { kind: "unknown", cause: "timeout" },
    { type: "payment_unknown", cause: "timeout" },
  ],
];

test.for(outcomes)("%o of a payment is heard as %o", ([outcome, report]) => {
  for (const source of [{ via: "query" }, { via: "answer" }] as const)
    expect(paymentReport(id, outcome, source)).toEqual({ ...report, payment: id, source });
});

const refunds: [RefundOutcome, object | null][] = [
  [{ kind: "pending" }, null],
  [{ kind: "succeeded" }, { type: "refund_succeeded" }],
  [
    { kind: "failed", failure: "refused" },
    { type: "refund_failed", failure: "refused" },
  ],
  [{ kind: "not_found" }, { type: "refund_unknown", cause: "not_found" }],
  [
    { kind: "unknown", cause: "timeout" },
    { type: "refund_unknown", cause: "timeout" },
  ],
];

test.for(refunds)("%o of a refund is heard as %o", ([outcome, report]) => {
  const source = { via: "answer" } as const;
  expect(refundReport(back, outcome, source)).toEqual(report && { ...report, refund: back, source });
});
