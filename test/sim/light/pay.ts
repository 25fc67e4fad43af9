import { homeOf, skuNumberOf, type OrderId } from "../../../schema/ids.ts";
import { MAIN_ACCOUNT, placementOf, unborn, type Order, type Payment } from "../../../schema/order.ts";
import { err, ok } from "../../../schema/result.ts";
import { together, type Flow } from "../flow.ts";
import type { Answer, PayPress } from "../shop.ts";
import type { World } from "../world.ts";
import { created } from "./provider.ts";

/** As the Worker has it. */
const CLAIM_GRACE_MS = 5_000;

type Started = Answer<{ order: Order; payment: Payment }>;

/** The order's own object answers, and before it has stored anything its home hold. */
export function* read(world: World, id: OrderId): Flow<Order | null> {
  const born = yield* world.order(id).view();
  if (born) return born;
  const hold = yield* world.sku(homeOf(id)).find(id);
  return hold?.placement ? unborn(hold.placement, world.loop.now) : null;
}

/** Claim, write down, call. */
export function* pay(world: World, { order: id, buyer, method, key }: PayPress): Flow<Started> {
  const order = yield* read(world, id);
  if (!order || order.buyer !== buyer) return err({ code: "not_found" });
  if (order.state === "pending" && order.stock !== "committed") {
    const until = order.payBy + CLAIM_GRACE_MS;
    const claims = order.lines.map(({ sku }) => world.sku(skuNumberOf(sku)).claim({ order: id, until }));
    const isLost = (yield* together(claims)).some((answer) => !answer.ok && answer.error.code !== "sold");
    if (isLost) return yield* tooLate(world, order);
  }
  const started = yield* world.order(id).start({
    placement: placementOf(order),
    provider: "sandbox",
    account: MAIN_ACCOUNT,
    method,
    returnUrl: null,
    payer: null,
    createAt: null,
    callbackUrl: "",
    key,
    fingerprint: method,
  });
  if (started.ok) return yield* create(world, started.value);
  const { code } = started.error;
  return code === "order_expired" ? yield* tooLate(world, order) : err({ code });
}

/** For an order that has no object nobody would give the units back before their claim's own end. */
function* tooLate(world: World, { order, buyer, lines, payments }: Order): Flow<Started> {
  const units = payments.length > 0 ? [] : lines;
  yield* together(
    units.map(({ sku, quantity }) =>
      world.sku(skuNumberOf(sku)).release({ order, take: 1, buyer, quantity }, "payment_lost"),
    ),
  );
  return err({ code: "order_expired" });
}

function* create(
  world: World,
  started: { order: Order; payment: Payment; replayed: boolean },
): Flow<Started> {
  const { order, payment, replayed } = started;
  if (replayed && !isOpen(payment)) return ok(started);
  const report = yield* created(world, order, payment);
  const heard = yield* world.order(order.order).report([report]);
  const now = heard?.payments.find(({ id }) => id === payment.id);
  if (!heard || !now) throw new Error(`the order ${order.order} lost its payment ${payment.id}`);
  if (report.type === "payment_unknown" && isOpen(now)) return err({ code: "provider_unavailable" });
  return ok({ order: heard, payment: now });
}

const isOpen = ({ state }: Payment): boolean => state === "created" || state === "unknown";
