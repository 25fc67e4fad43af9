import { readMessage } from "../../durable-objects/sku/telling.ts";
import type { Account, Callback } from "../../durable-objects/sandbox-bank/machine.ts";
import { orderOf, skuNumberOf, type OrderId, type SkuNumber } from "../../schema/ids.ts";
import type { EffectMessage, OrderEventMessage, ProviderEventMessage } from "../../schema/messages.ts";
import type { Sale } from "../../schema/sale.ts";
import type { SkuConfig } from "../../schema/sku.ts";
import { AskedOrder, AskedSku } from "./asked.ts";
import { SkuAuditor, watchOrder } from "./audit.ts";
import { Bank } from "./bank.ts";
import { Calls, type Crashable } from "./calls.ts";
import { Faults } from "./faults.ts";
import { Light } from "./light/light.ts";
import { Loop } from "./loop.ts";
import { OrderObject } from "./order-object.ts";
import { SimQueue } from "./queues.ts";
import type { Inside } from "./shop.ts";
import { SkuObject } from "./sku-object.ts";
import { Seen } from "./sometimes.ts";
import type { Tape } from "./tape.ts";
import type { Weather } from "./weather.ts";
import { Whole } from "./whole.ts";

const SKEW_MS = 60_000;
const ALARM_LATE_MS_MAX = 300_000;
const ALARM_EARLY_MS_MAX = 20_000;
const AN_HOUR_MS = 3_600_000;

/** One sale with everything that belongs to it, in one process, on one virtual clock. */
export class World {
  readonly weather: Weather;
  readonly loop: Loop;
  readonly faults: Faults;
  readonly seen = new Seen();
  readonly bank: Bank;
  readonly calls: Calls;
  readonly skus = new Map<SkuNumber, SkuObject>();
  readonly auditors = new Map<SkuNumber, SkuAuditor>();
  readonly orders = new Map<OrderId, OrderObject>();
  readonly parties = new Map<OrderId, number>();
  readonly queues: Record<"PROVIDER_EVENTS" | "EFFECTS" | "ORDER_EVENTS", SimQueue>;
  readonly sale: Sale;
  readonly inside: Inside;
  /** The alarm of an object that was set last: there is only one. */
  readonly #set = new Map<Crashable, number>();
  #alarms = 0;
  readonly #askedSkus = new Map<SkuNumber, AskedSku>();
  readonly #skews = new Map<string, number>();
  readonly #tape: Tape | null;

  /** @param tape everything that objects are asked is written down there. */
  constructor(weather: Weather, only: ReadonlySet<number> | null, tape: Tape | null = null) {
    this.#tape = tape;
    this.weather = weather;
    this.loop = new Loop(weather.beganAt, weather.depth === "whole");
    const sinceBeginning = (): number => this.loop.now - weather.beganAt;
    this.faults = new Faults(weather.seed, weather.rateOf, only, sinceBeginning);
    this.calls = new Calls(this.loop, this.faults);
    this.bank = new Bank(this.loop, this.faults, {
      partyOf: (payment) => this.partyOf(orderOf(payment)),
      callBack: (event, account, callback) => this.#callBack(event, account, callback),
      refundAnswerLost: () => this.seen.see("refund_answer_lost"),
    });
    const queue = (name: string, batchMax: number, batchMs: number): SimQueue =>
      new SimQueue({ name, batchMax, batchMs }, this.loop, this.faults, {
        partyOf: (body) => this.#partyOfMessage(body),
        isPrecious: (body) => this.#isPrecious(body),
        consume: (from, letters) => this.inside.consume(from, letters),
      });
    this.queues = {
      PROVIDER_EVENTS: queue("provider-events", 50, 0),
      EFFECTS: queue("effects", 50, 0),
      ORDER_EVENTS: queue("order-events", 100, 1_000),
    };
    const price = (amount: number) => ({ amount, currency: "CNY" });
    this.sale = {
      id: "sale",
      name: "Sale",
      opensAt: weather.beganAt - AN_HOUR_MS,
      closesAt: weather.beganAt + 100 * AN_HOUR_MS,
      perBuyerMax: weather.perBuyerMax,
      holdMs: weather.holdMs,
      offers: weather.skus.map(({ name, price: amount, gates }) => ({
        sku: name,
        name,
        price: price(amount),
        image: null,
        gates,
      })),
    };
    this.inside = weather.depth === "whole" ? new Whole(this) : new Light(this);
    for (const [index, sku] of weather.skus.entries()) this.#open(index, sku.name, sku.stock, sku.price);
  }

  partyOf(order: OrderId): number {
    return this.parties.get(order) ?? 0;
  }

  /** The object of an order, which is there as soon as somebody asks for it. */
  orderObject(id: OrderId): OrderObject {
    let object = this.orders.get(id);
    if (!object) this.orders.set(id, (object = this.#born(id)));
    return object;
  }

  skuObject(number: SkuNumber): SkuObject {
    const object = this.skus.get(number);
    if (!object) throw new Error(`there is no SKU ${number}`);
    return object;
  }

  /** Who asks here asks through everything that may go wrong. */
  sku(number: SkuNumber): AskedSku {
    let asked = this.#askedSkus.get(number);
    if (!asked) this.#askedSkus.set(number, (asked = new AskedSku(this, this.skuObject(number), true)));
    return asked;
  }

  order(id: OrderId): AskedOrder {
    return new AskedOrder(this, this.orderObject(id), true);
  }

  /** A new version of everything: no instance survives, and no call that is under way. */
  deploy(): void {
    if (!this.faults.take("deploy", -2 - (this.loop.now - this.weather.beganAt))) return;
    for (const sku of this.skus.values()) {
      if (sku.state.held > 0) this.seen.see("deployed_with_holds");
      sku.crash();
    }
    for (const order of this.orders.values()) order.crash();
    this.calls.cutOff();
  }

  /** Clocks of objects may differ, each from its first moment on. */
  clockOf(name: string, party: number): number {
    let skew = this.#skews.get(name);
    if (skew === undefined) {
      const fault = this.faults.at("clock", party);
      skew = fault === "clock_ahead" ? SKEW_MS : fault === "clock_behind" ? -SKEW_MS : 0;
      this.#skews.set(name, skew);
    }
    return this.loop.now + skew;
  }

  /** The alarm of an object: it comes early, late, twice or, when its handler was given up, not at all. */
  alarm(
    object: Crashable & { alarmAt: number | null; alarm(): void },
    party: number,
    at: number,
    skewMs: number,
  ): void {
    const isSet = (): boolean => object.alarmAt === at && this.#set.get(object) === nth;
    const ring = (): void => {
      if (!isSet()) return;
      this.calls.ring(object, () => object.alarm());
    };
    const nth = ++this.#alarms;
    this.#set.set(object, nth);
    const due = at - skewMs;
    const fault = this.faults.at("alarm", party);
    switch (fault) {
      case "alarm_lost":
        return this.loop.at(due, () => {
          if (!isSet()) return;
          object.alarmAt = null;
          object.crash();
        });
      case "alarm_late":
        return this.loop.at(due + this.faults.size ** 2 * ALARM_LATE_MS_MAX, ring);
      case "alarm_early":
        return this.loop.at(due - this.faults.size * ALARM_EARLY_MS_MAX, ring);
      case "alarm_twice":
        this.loop.at(due, ring);
        return this.loop.at(due + 1, () => {
          this.seen.see("alarm_twice");
          this.calls.ring(object, () => object.alarm());
        });
      default:
        return this.loop.at(due, ring);
    }
  }

  #open(index: number, name: string, stock: number, price: number): void {
    const party = 1 + index;
    const number = skuNumberOf(name);
    const auditor = new SkuAuditor(this.weather.perBuyerMax, this.seen);
    const skewMs = this.clockOf(name, party) - this.loop.now;
    const tape = this.#tape;
    const sku: SkuObject = new SkuObject(number, this.inside.newJournal(), this.weather, {
      now: () => this.loop.now + skewMs,
      skewMs,
      alarm: (at) => this.alarm(sku, party, at, skewMs),
      sender: (outbox, isAlive) => this.inside.sender(outbox, isAlive),
      committed: (events, at) => auditor.hear(events, at),
      asked: tape ? (commands, at) => tape.askSku(number, commands, at) : undefined,
      overdue: () => this.seen.see("claim_asked"),
      restored: (fromSnapshot) => {
        if (fromSnapshot) this.seen.see("restored_from_snapshot");
      },
    });
    this.skus.set(number, sku);
    this.auditors.set(number, auditor);
    const { id: sale, opensAt, closesAt, perBuyerMax, holdMs } = this.sale;
    const config: SkuConfig = {
      sku: name,
      sale,
      name,
      price: { amount: price, currency: "CNY" },
      perBuyerMax,
      holdMs,
      opensAt,
      closesAt,
    };
    sku.ask({ type: "configure", config, stock });
  }

  #born(id: OrderId): OrderObject {
    const party = this.partyOf(id);
    const skewMs = this.clockOf(id, party) - this.loop.now;
    const skuSkews = [...this.weather.skus].map(({ name }) => this.clockOf(name, 0) - this.loop.now);
    const tape = this.#tape;
    const object: OrderObject = new OrderObject(id, {
      now: () => this.loop.now + skewMs,
      asked: tape ? (question) => tape.askOrder(id, question, this.loop.now + skewMs) : undefined,
      alarm: (at) => this.alarm(object, party, at, skewMs),
      stored: (order) => this.inside.stored(order),
      send: (order, waiting) => this.inside.send(order, waiting),
      committed: (before, after, decision, cause) => {
        if (skuSkews.some((skew) => Math.abs(skew - skewMs) >= SKEW_MS)) this.seen.see("clocks_apart");
        watchOrder(before, after, this.seen, decision, cause);
      },
    });
    return object;
  }

  /** A callback arrives; false when the bank must call again. */
  #callBack(event: string, account: Account, callback: Callback): boolean {
    const party = this.partyOf(account.order);
    if (this.faults.at("callback", party)) return false;
    const { order, report } = this.inside.notice(event, account, callback);
    if ("payment" in report) {
      const known = this.orders.get(order)?.order?.payments.find(({ id }) => id === report.payment);
      if (known?.state === "created") this.seen.see("callback_first");
      if (account.behaviour.close === "lies_closed_then_succeeds" && callback.type === "payment.succeeded")
        this.seen.see("lied_about_closing");
    }
    const message: ProviderEventMessage = {
      v: 1,
      provider: "sandbox",
      event,
      order,
      report,
      receivedAt: this.loop.now,
    };
    try {
      this.queues.PROVIDER_EVENTS.put([message]);
      return true;
    } catch {
      return false;
    }
  }

  #partyOfMessage(body: unknown): number {
    const message = readMessage(body) as ProviderEventMessage | EffectMessage | OrderEventMessage;
    if ("receivedAt" in message) return this.partyOf(message.order);
    switch (message.type) {
      case "order_effect":
        return this.partyOf(message.order);
      case "case_raised":
        return 0;
      case "claim_overdue":
        return this.partyOf(message.move.order);
      case "order_changed":
        return this.partyOf(message.order.order);
      default:
        return 1 + this.weather.skus.findIndex(({ name }) => skuNumberOf(name) === message.sku);
    }
  }

  /**
   * News that nobody could ever ask for: of money that the bank had denied. The platform's queue does not lose it, and the local
   * one, which does when its process is killed, is not the one for real money.
   */
  #isPrecious(body: unknown): boolean {
    const { report } = body as Partial<ProviderEventMessage>;
    if (!report || !("payment" in report)) return false;
    if (this.bank.unheardOf.has(report.payment)) return true;
    const behaviour = this.bank.accounts.get(report.payment)?.behaviour;
    return behaviour?.close === "lies_closed_then_succeeds" || behaviour?.callbacks === "reordered";
  }
}
