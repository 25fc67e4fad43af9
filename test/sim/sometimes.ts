/**
 * What must have happened somewhere in a run: a simulation that never comes to these places proves nothing about them. Of the
 * usual list of a shop three are not here, since they are not of this system or not of one process: coupons, a second owner of
 * the disk (`test/system/sale.test.ts`) and a merchant's private address (`test/system/webhooks.test.ts`).
 */
export const SOMETIMES = {
  late_refunded: "late money went back after its order had expired",
  late_sold: "late money found a unit",
  callback_first: "a callback came before the answer to the creation",
  hold_gone: "a payment was started for units that were gone",
  tombstone: "a hold came after its own release",
  alarm_twice: "an alarm ran twice",
  swept: "an alarm was lost, and the sweep found its order",
  commit_retried: "a commit failed, and the buyer asked again and got the order",
  dead_letter_replayed: "a dead letter was replayed",
  projected_out_of_order: "D1 was told of an order's past after its present",
  key_raced: "one key was used by three requests at once",
  limit_at_last_unit: "a buyer's limit was met at the last unit",
  returned_and_sold: "a unit was sold out, came back and was sold",
  refund_answer_lost: "a refund was made and its answer lost",
  clocks_apart: "the clocks of a SKU and an order were a minute apart",
  d1_down_throughout: "D1 was down for the whole sale",
  deployed_with_holds: "a new version was deployed over held units",
  partly_refunded: "a part of the money went back",
  duplicate_refunded: "a second payment went back",
  restored_from_snapshot: "a SKU came back from a snapshot",
  lied_about_closing: "a bank said closed, and took the money",
  amount_differed: "a bank spoke of another sum",
  claim_asked: "a claim outlived its deadline, and the SKU asked",
  pooled: "a gate pooled the presses of several buyers",
  refund_made_again: "a refused refund was made again",
  two_lines: "an order of two SKUs was paid",
  superseded: "a dead request's key was taken over",
  capture_after_commit: "promised money was taken after the units were sold",
  cancelled: "a buyer gave the units back",
} as const;
export type Sometimes = keyof typeof SOMETIMES;

/** How often each was seen. */
export class Seen {
  readonly counts = new Map<Sometimes, number>();

  see(what: Sometimes): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

export const neverSeen = (counts: ReadonlyMap<string, number>): string[] =>
  Object.entries(SOMETIMES).flatMap(([name, what]) => (counts.has(name) ? [] : [`${name}: ${what}`]));
