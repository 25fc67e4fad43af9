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

/** What was counted from the holds and buyers themselves must be what the counters say. */
export function assertAddsUp(
  counted: { held: number; sold: number; units: number },
  kept: Counters & { readonly soldAndArchived: number },
): void {
  const { held, sold, units } = counted;
  assert(
    held === kept.held && sold === kept.sold && units === held + sold - kept.soldAndArchived,
    `counted held ${held}, sold ${sold}, owned ${units}; kept held ${kept.held}, sold ${kept.sold}`,
  );
  assertConserved(kept);
}

/** Counts again. Looks at every hold: for start-up. */
export function assertCounted(state: SkuState): void {
  let held = 0;
  let sold = state.soldAndGone;
  for (const hold of state.holds.values()) {
    if (isLive(hold)) held += hold.quantity;
    else if (hold.state === "sold") sold += hold.quantity;
  }
  let units = 0;
  for (const buyer of state.buyers.values()) units += buyer.units;
  assertAddsUp({ held, sold, units }, state);
}
