import { CHANCE_BYTES, homeOf, orderIdOf, skuNumberOf, type OrderId } from "../../../schema/ids.ts";
import { unborn, type Line, type Order, type Placement } from "../../../schema/order.ts";
import { err, ok } from "../../../schema/result.ts";
import type { HoldRefusal, ReleaseReason } from "../../../schema/sku.ts";
import { everyOne, type Flow } from "../flow.ts";
import type { Answer, Press } from "../shop.ts";
import type { World } from "../world.ts";

/** As the Worker has it. */
const IN_FLIGHT_MS = 10_000;

interface Attempt extends Press {
  readonly world: World;
  readonly order: OrderId;
  readonly fingerprint: string;
}

type Placed = Answer<{ order: Order }>;

/** Places an order: all lines or none, the home line last, under a key that one SKU keeps where there are several. */
export function* place(world: World, press: Press): Flow<Placed> {
  const chance = crypto.getRandomValues(new Uint8Array(CHANCE_BYTES));
  const [home] = press.lines;
  const attempt: Attempt = {
    ...press,
    world,
    order: orderIdOf(skuNumberOf(home?.sku ?? ""), world.loop.now, chance),
    fingerprint: press.lines.map(({ sku, quantity }) => `${quantity} ${sku}`).join(),
  };
  return yield* world.sale.offers.length === 1 ? holdHome(attempt, [], null) : placeUnderKey(attempt);
}

function* placeUnderKey(attempt: Attempt): Flow<Placed> {
  const { world, buyer, key, fingerprint, order } = attempt;
  const keeper = world.sku(keeperOf(attempt));
  const startedAt = world.loop.now;
  const bound = yield* keeper.bindKey({ buyer, key, fingerprint, order, supersedes: null });
  if (!bound.ok) return refused(bound.error.code);
  const { order: earlier, boundAt } = bound.value;
  if (earlier !== order) {
    const found = yield* world.sku(homeOf(earlier)).find(earlier);
    if (found?.placement) return ok({ order: placed(found.placement) });
    if (!found && startedAt - boundAt < IN_FLIGHT_MS) return err({ code: "idempotency_in_flight" });
    const superseded = yield* supersede({ ...attempt, order: earlier });
    if (superseded) return ok({ order: placed(superseded) });
    const rebound = yield* keeper.bindKey({ buyer, key, fingerprint, order, supersedes: earlier });
    if (!rebound.ok) return refused(rebound.error.code);
    if (rebound.value.order !== order) return err({ code: "idempotency_in_flight" });
  }
  const answer = yield* holdAll(attempt);
  if (!answer.ok) yield* keeper.unbindKey({ buyer, key, order });
  return answer;
}

/** What has been placed meanwhile; null when there is nothing, and never will be. */
function* supersede(attempt: Attempt): Flow<Placement | null> {
  const [home, ...others] = attempt.lines;
  if (home) yield* release(attempt, [home], "superseded");
  const found = yield* attempt.world.sku(homeOf(attempt.order)).find(attempt.order);
  if (!found?.placement) yield* release(attempt, others, "superseded");
  return found?.placement ?? null;
}

function* holdAll(attempt: Attempt): Flow<Placed> {
  const { world, order, buyer, lines } = attempt;
  const others: Line[] = [];
  let heldUntil: number | null = null;
  const [, ...rest] = lines;
  for (const [at, { sku, quantity }] of rest.entries()) {
    const request = { order, buyer, sale: world.sale.id, quantity, home: null };
    const held = yield* world.sku(skuNumberOf(sku)).hold(request);
    if (!held.ok) {
      yield* release(attempt, rest.slice(0, at), "refused");
      return refusedHold(held.error);
    }
    if (held.value.placement) throw new Error(`the hold of ${sku} says it is the home of ${order}`);
    others.push(held.value.line);
    heldUntil = Math.min(heldUntil ?? held.value.heldUntil, held.value.heldUntil);
  }
  const answer = yield* holdHome(attempt, others, heldUntil);
  if (!answer.ok) yield* release(attempt, rest, "refused");
  return answer;
}

function* holdHome(attempt: Attempt, others: readonly Line[], othersHeldUntil: number | null): Flow<Placed> {
  const { world, order, buyer, key, fingerprint, lines } = attempt;
  const { sku = "", quantity = 1 } = lines[0] ?? {};
  const home = { key, fingerprint, others, othersHeldUntil };
  const request = { order, buyer, sale: world.sale.id, quantity, home };
  const held = yield* world.sku(skuNumberOf(sku)).hold(request);
  if (!held.ok) return refusedHold(held.error);
  if (!held.value.placement) throw new Error(`the home hold of ${order} has no placement`);
  return ok({ order: placed(held.value.placement) });
}

function release(
  { world, order, buyer }: Attempt,
  lines: Press["lines"],
  reason: ReleaseReason,
): Flow<unknown> {
  const move = (quantity: number) => ({ order, take: 1, buyer, quantity });
  return everyOne(
    lines.map(({ sku, quantity }) => world.sku(skuNumberOf(sku)).release(move(quantity), reason)),
  );
}

const placed = (placement: Placement): Order => unborn(placement, placement.createdAt);

/** Any one of the sale, as long as it is always the same for this buyer's key. */
function keeperOf({ world, buyer, key }: Attempt): string {
  const { offers } = world.sale;
  return skuNumberOf(offers[(Number(buyer.slice(1)) + key.length) % offers.length]?.sku ?? "");
}

const refused = (code: "unknown_sku" | "idempotency_key_reused" | "overloaded"): Placed =>
  err({ code: code === "unknown_sku" ? "not_found" : code });

const refusedHold = ({ code }: HoldRefusal): Placed => {
  if (code === "released") return err({ code: "idempotency_in_flight" });
  return code === "sold_out" ||
    code === "purchase_limit" ||
    code === "sale_not_open" ||
    code === "sale_closed"
    ? err({ code })
    : refused(code);
};
