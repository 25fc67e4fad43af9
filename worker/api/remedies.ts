import type { CaseKind } from "../../schema/order.ts";

/** What sets an anomaly right: a request of this API. What cannot be set right by one is settled by people, who say so. */
export interface Remedy {
  readonly method: "POST";
  readonly path: string;
}

interface Facts {
  readonly id: string;
  readonly kind: string;
  readonly orderId: string | null;
}

const post = (path: string): Remedy => ({ method: "POST", path });

/** Money that nobody here has asked for, or not this sum: only its provider's own console can move it. */
const settled = ({ id }: Facts): Remedy => post(`/v1/admin/cases/${encodeURIComponent(id)}/resolve`);
/** The order asks its provider once more, and goes by what it says. */
const asked = ({ orderId, ...facts }: Facts): Remedy =>
  orderId === null ? settled({ orderId, ...facts }) : post(`/v1/admin/orders/${orderId}/query`);
const refunded = ({ orderId, ...facts }: Facts): Remedy =>
  orderId === null ? settled({ orderId, ...facts }) : post(`/v1/admin/orders/${orderId}/refunds`);
const madeAgain = (facts: Facts): Remedy => {
  const [refund] = /ref_\w+$/.exec(facts.id) ?? [];
  const isKnown = facts.orderId !== null && refund !== undefined && facts.id.startsWith("refund_failed:");
  return isKnown ? post(`/v1/admin/orders/${facts.orderId}/refunds/${refund}/retry`) : asked(facts);
};
const replayed = ({ id }: Facts): Remedy =>
  post(`/v1/admin/dead-letters/${encodeURIComponent(id.replace(/^dead_letter:/, ""))}/replay`);
/** Units that were sold for a promise that was broken go back on the shelf. */
const restocked = (): Remedy => post("/v1/admin/skus/{sku}/stock");
/** What D1 lacks is published again by the audit itself. */
const audited = (): Remedy => post("/v1/admin/audits");

const REMEDIES: Record<CaseKind, (facts: Facts) => Remedy> = {
  amount_mismatch: asked,
  bill_mismatch: asked,
  capture_failed: restocked,
  dead_letter: replayed,
  fate_open: asked,
  history_broken: settled,
  read_model_differs: audited,
  refund_failed: madeAgain,
  rule_broken: settled,
  stock_lost: refunded,
  unknown_order: settled,
  unknown_payment: settled,
  wrong_account: asked,
};

/** What to do about a case. After anything but `resolve` and `replay` it stays open until somebody says that it is done. */
export const remedyOf = (facts: Facts): Remedy => (REMEDIES[facts.kind as CaseKind] ?? settled)(facts);
