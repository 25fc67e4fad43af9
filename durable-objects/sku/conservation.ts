import { assert } from "../../schema/result.ts";
import type { Counters } from "../../schema/sku.ts";
import { isLive, type SkuState } from "./state.ts";

/** The law of stock. Checked on every commit: a broken one is never stored. */
export function assertConserved({ initial, restocked, available, held, sold }: Counters): void {
  const whole = Number.isSafeInteger(available) && Number.isSafeInteger(held) && Number.isSafeInteger(sold);
  assert(
    whole && available >= 0 && held >= 0 && sold >= 0 && initial + restocked === available + held + sold,
    `stock is conserved: initial ${initial} + restocked ${restocked} = available ${available} + held ${held} + sold ${sold}`,
  );
}

/** Counts again, from the holds themselves, what the counters say. Looks at every hold: for start-up and snapshots. */
export function assertCounted(state: SkuState): void {
  let held = 0;
  let sold = state.soldAndGone;
  for (const hold of state.holds.values()) {
    if (isLive(hold)) held += hold.quantity;
    else if (hold.state === "sold") sold += hold.quantity;
  }
  let units = 0;
  for (const buyer of state.buyers.values()) units += buyer.units;
  assert(
    held === state.held && sold === state.sold && units === held + sold - state.soldAndArchived,
    `counted held ${held}, sold ${sold}, owned ${units}; kept held ${state.held}, sold ${state.sold}`,
  );
  assertConserved(state);
}
