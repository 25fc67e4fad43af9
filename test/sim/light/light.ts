import { withoutWays } from "../../../durable-objects/order/courier.ts";
import type { Account, Callback } from "../../../durable-objects/sandbox-bank/machine.ts";
import type { Outbox } from "../../../durable-objects/sku/outbox.ts";
import { homeOf, isRefundId, orderOf, type OrderId } from "../../../schema/ids.ts";
import type { EffectMessage, OrderEventMessage } from "../../../schema/messages.ts";
import { MAIN_ACCOUNT, placementOf, type Order, type Report } from "../../../schema/order.ts";
import { err, ok } from "../../../schema/result.ts";
import { attempted, everyOne, together, type Flow } from "../flow.ts";
import { EventJournal, type SimRow } from "../journal.ts";
import type { Letter } from "../queues.ts";
import type { Answer, Inside, PayPress, Press } from "../shop.ts";
import type { World } from "../world.ts";
import { LightBooks } from "./books.ts";
import { consume } from "./consumers.ts";
import { pay, read } from "./pay.ts";
import { place } from "./place.ts";
import { isTaken, LightSender } from "./sender.ts";

/** The light depth: what the Worker's code comes to, in flows. Nothing is written as text, and nobody promises anything. */
export class Light implements Inside {
  readonly books = new LightBooks();
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  place(press: Press) {
    return place(this.world, press);
  }

  pay(press: PayPress) {
    return pay(this.world, press);
  }

  *cancel(id: OrderId, buyer: string): Flow<Answer<Order>> {
    const order = yield* this.read(id);
    if (!order || order.buyer !== buyer) return err({ code: "not_found" });
    const cancelled = yield* this.world.order(id).cancel(placementOf(order));
    return cancelled.ok ? ok(cancelled.value) : err({ code: "order_state" });
  }

  read(order: OrderId) {
    return read(this.world, order);
  }

  nudge(order: OrderId) {
    return this.world.order(order).report([{ type: "query_requested", by: "buyer" }]);
  }

  consume(queue: string, letters: Letter[]) {
    return consume(this, queue, letters);
  }

  *sweep(): Flow<void> {
    const late = this.books.late(this.world.loop.now);
    yield* everyOne(late.map((order) => attempted(this.#wake(order))));
  }

  replay(id: string): Flow<unknown> {
    const { queue, body } = this.books.letter(id) ?? { queue: "", body: null };
    for (const known of Object.values(this.world.queues)) if (known.name === queue) known.put([body]);
    this.books.sentAgain(id);
    return together([]);
  }

  newJournal(): EventJournal {
    return new EventJournal();
  }

  sender(outbox: Outbox<SimRow>, isAlive: () => boolean): LightSender {
    return new LightSender(this.world.loop, this.world.queues, outbox, isAlive);
  }

  stored(order: Order): Order {
    return order;
  }

  send(order: Order, waiting: Parameters<Inside["send"]>[1]): void {
    const { EFFECTS, ORDER_EVENTS } = this.world.queues;
    const snapshot = withoutWays(order);
    const work: EffectMessage[] = [];
    for (const { key, effect } of waiting)
      if (effect) work.push({ v: 1, type: "order_effect", order: order.order, key, effect, snapshot });
    isTaken(EFFECTS, work);
    const changed: OrderEventMessage = { v: 1, type: "order_changed", order: snapshot, at: order.updatedAt };
    if (work.length < waiting.length) isTaken(ORDER_EVENTS, [changed]);
  }

  notice(event: string, { id }: Account, { type, reference, amount }: Callback) {
    const source = { via: "callback", event, provider: "sandbox", account: MAIN_ACCOUNT } as const;
    const report = ((): Report => {
      if (isRefundId(reference))
        return type === "refund.succeeded"
          ? { type: "refund_succeeded", refund: reference, source }
          : { type: "refund_failed", refund: reference, failure: "refused", source };
      switch (type) {
        case "payment.authorized":
          return { type: "payment_authorized", payment: reference, providerRef: id, amount, source };
        case "payment.succeeded":
          return { type: "payment_succeeded", payment: reference, providerRef: id, amount, source };
        case "payment.closed":
          return { type: "payment_closed", payment: reference, source };
        default:
          return { type: "payment_failed", payment: reference, failure: "declined", source };
      }
    })();
    return { order: orderOf(reference), report };
  }

  /** An order that should have ended is told what time it is; one that nothing ever happened to is its home SKU's. */
  *#wake(order: OrderId): Flow<void> {
    const { world } = this;
    if (yield* world.order(order).report([{ type: "clock_ticked" }])) return;
    const sku = world.sku(homeOf(order));
    const home = yield* sku.find(order);
    if (home?.state !== "held" || !home.placement) return;
    const { buyer, lines } = home.placement;
    const quantity = lines[0]?.quantity ?? 1;
    yield* sku.release({ order, take: 1, buyer, quantity }, "pay_by_passed");
  }
}
