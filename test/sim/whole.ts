import { carry } from "../../durable-objects/order/courier.ts";
import { bodyOf } from "../../durable-objects/sandbox-bank/callback.ts";
import type { Account, Callback } from "../../durable-objects/sandbox-bank/machine.ts";
import type { Outbox } from "../../durable-objects/sku/outbox.ts";
import { Publisher } from "../../durable-objects/sku/publisher.ts";
import type { OrderId } from "../../schema/ids.ts";
import type { Order } from "../../schema/order.ts";
import { cancelOrder } from "../../worker/checkout/cancel.ts";
import { nudgeOrder, startPayment } from "../../worker/checkout/pay.ts";
import { placeOrder } from "../../worker/checkout/place.ts";
import { readOrder } from "../../worker/checkout/read.ts";
import { consume } from "../../worker/consumers/consume.ts";
import { replayDeadLetter } from "../../worker/consumers/dead-letters.ts";
import { noticeOf } from "../../worker/providers/sandbox/wire.ts";
import { schedule } from "../../worker/schedules/schedule.ts";
import { must } from "./audit.ts";
import { D1 } from "./d1.ts";
import { answerOf } from "./flow.ts";
import { TextJournal, type SimRow } from "./journal.ts";
import type { Letter, SimQueue } from "./queues.ts";
import type { Inside, PayPress, Press } from "./shop.ts";
import { stubsOf } from "./stubs.ts";
import type { World } from "./world.ts";

/** The whole depth: the Worker's own code, with everything that it writes as text and every promise that it makes. */
export class Whole implements Inside {
  readonly books: D1;
  readonly #world: World;
  readonly #env: Env;

  constructor(world: World) {
    this.#world = world;
    this.books = new D1(world.weather.isSqlReal);
    const { PROVIDER_EVENTS, EFFECTS, ORDER_EVENTS } = world.queues;
    this.#env = {
      ...stubsOf(world),
      PROVIDER_EVENTS: bindingOf(PROVIDER_EVENTS),
      EFFECTS: bindingOf(EFFECTS),
      ORDER_EVENTS: bindingOf(ORDER_EVENTS),
      DB: this.books.binding,
      PROVIDERS: "sandbox",
      ENVIRONMENT: "test",
      SANDBOX_WEBHOOK_SECRET: "whsec_c2VjcmV0",
    } as unknown as Env;
  }

  place(press: Press) {
    return answerOf(placeOrder(this.#env, { ...press, sale: this.#world.sale.id }));
  }

  pay(press: PayPress) {
    const facts = { provider: "sandbox", returnUrl: null, payer: { address: null, openid: null } };
    return answerOf(startPayment(this.#env, { ...press, ...facts, origin: "http://shop.test" }));
  }

  cancel(order: OrderId, buyer: string) {
    return answerOf(cancelOrder(this.#env, order, buyer));
  }

  read(order: OrderId) {
    return answerOf(readOrder(this.#env, order));
  }

  nudge(order: OrderId) {
    return answerOf(nudgeOrder(this.#env, order));
  }

  consume(queue: string, messages: Letter[]) {
    return answerOf(consume({ queue, messages } as unknown as MessageBatch<unknown>, this.#env));
  }

  sweep() {
    const tick = { cron: "*/5 * * * *", scheduledTime: this.#world.loop.now } as ScheduledController;
    return answerOf(Promise.resolve(schedule(tick, this.#env, {} as ExecutionContext)));
  }

  replay(letter: string) {
    return answerOf(replayDeadLetter(this.#env, letter, "desk"));
  }

  newJournal(): TextJournal {
    return new TextJournal();
  }

  sender(outbox: Outbox<SimRow>, isAlive: () => boolean): Publisher {
    return new Publisher(() => {
      if (!isAlive()) throw new Error("this instance has died");
      return this.#env;
    }, outbox);
  }

  /** What comes back is what JSON keeps of it. */
  stored(order: Order): Order {
    return JSON.parse(JSON.stringify(order)) as Order;
  }

  send(order: Order, waiting: Parameters<Inside["send"]>[1]): void {
    void carry(this.#env, order, waiting);
  }

  /** What the Worker's route does with a callback, its signature left out. */
  notice(event: string, account: Account, callback: Callback) {
    const notice = noticeOf(bodyOf(event, account, callback, this.#world.loop.now));
    must(notice.ok, "a callback of the bank is read");
    return notice.value;
  }
}

const bindingOf = (queue: SimQueue) => ({
  send: async (body: unknown): Promise<void> => queue.put([body]),
  sendBatch: async (messages: Iterable<{ body: unknown }>): Promise<void> =>
    queue.put(Array.from(messages, ({ body }) => body)),
});
