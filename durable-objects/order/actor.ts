import { DurableObject } from "cloudflare:workers";
import type { OrderApi } from "../../schema/actors.ts";
import type { EffectMessage, OrderEventMessage } from "../../schema/messages.ts";
import {
  unborn,
  type CancelAnswer,
  type Order,
  type Placement,
  type RefundAnswer,
  type RefundRequest,
  type Report,
  type StartAnswer,
  type StartRequest,
  type TimelineEntry,
} from "../../schema/order.ts";
import { err, ok } from "../../schema/result.ts";
import { log, logError } from "../log.ts";
import { keyOf, type Decision } from "./decision.ts";
import { cancel, decide, finish, start } from "./machine.ts";
import { requestRefund, type StaffRefusal } from "./refunds.ts";
import { OrderStore, PUBLISH, told, type Waiting } from "./store.ts";
import { dueAt } from "./time.ts";

/** When the alarm itself could not do its work. */
const ALARM_AGAIN_MS = 30_000;
/** People who press "ask again" and pages that come back do so at most this often. */
const QUERY_EVERY_MS = 2_000;
/** Work whose only valid end is an answer: a provider that did not say is asked again with the same id. */
const NEEDS_ANSWER = ["refund_payment:", "capture_payment:"];

/** One order. It loads, decides and stores; the rules are in machine.ts and the SQL is in store.ts. */
export class OrderActor extends DurableObject<Env> implements OrderApi {
  readonly #store: OrderStore;
  #armedAt: number | null = null;
  #queriedAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new OrderStore(ctx.storage);
    void ctx.blockConcurrencyWhile(async () => {
      this.#armedAt = await ctx.storage.getAlarm();
      this.#arm();
    });
  }

  async view(): Promise<Order | null> {
    return this.#store.load();
  }

  async start(request: StartRequest): Promise<StartAnswer> {
    const now = Date.now();
    return this.#once(`payment ${request.key}`, request.fingerprint, {
      again: (id) => this.#payment(id, true),
      first: (keep) => {
        const before = this.#store.load() ?? unborn(request.placement, now);
        const decision = start(before, request, now);
        if (!decision.ok) return err(decision.error);
        const payment = decision.value.order.payments.at(-1);
        if (!payment) throw new Error("a started payment is not there");
        const { provider, method, callbackUrl } = request;
        this.#commit(
          before,
          decision.value,
          { type: "payment_started", detail: { payment: payment.id, provider, method, callbackUrl } },
          now,
        );
        keep(payment.id);
        return this.#payment(payment.id, false);
      },
    });
  }

  async cancel(placement: Placement): Promise<CancelAnswer> {
    const now = Date.now();
    const before = this.#store.load() ?? unborn(placement, now);
    const decision = cancel(before, now);
    if (!decision.ok) return err(decision.error);
    const { order } = decision.value;
    if (order !== before)
      this.#store.transaction(() =>
        this.#commit(before, decision.value, { type: "cancel_requested", detail: {} }, now),
      );
    return ok(order);
  }

  async refund(request: RefundRequest): Promise<RefundAnswer> {
    const now = Date.now();
    return this.#once<Extract<RefundAnswer, { ok: true }>, StaffRefusal | { code: "unknown_order" }>(
      `refund ${request.key}`,
      request.fingerprint,
      {
        again: (id) => this.#refund(id, true),
        first: (keep) => {
          const before = this.#store.load();
          if (!before) return err({ code: "unknown_order" });
          const asked = requestRefund(before, request, now);
          if (!asked.ok) return asked;
          const decision = finish(before, asked.value, now);
          const refund = decision.order.refunds.at(-1);
          if (!refund) throw new Error("a requested refund is not there");
          const { reason, by } = request;
          this.#commit(
            before,
            decision,
            { type: "refund_requested", detail: { refund: refund.id, amount: refund.amount, reason, by } },
            now,
          );
          keep(refund.id);
          return this.#refund(refund.id, false);
        },
      },
    );
  }

  async report(reports: readonly Report[], settles?: string): Promise<Order | null> {
    if (!this.#store.load()) return null;
    return this.#store.transaction(() => {
      for (const report of reports) this.#hear(report, Date.now());
      if (settles !== undefined && this.#isAnswer(settles, reports)) this.#store.settle(settles);
      return this.#store.load();
    });
  }

  async timeline(): Promise<TimelineEntry[]> {
    return this.#store.timeline();
  }

  /** Deadlines, questions and unreported work are all due by the clock. Running early or twice is harmless. */
  override async alarm(): Promise<void> {
    this.#armedAt = null;
    try {
      const now = Date.now();
      const waiting = this.#store.transaction(() => {
        this.#hear({ type: "clock_ticked" }, now);
        return this.#store.takeDue(now);
      });
      await this.#send(waiting);
    } catch (cause) {
      // Not rethrown: the platform gives an alarm up after a few tries, and an order never gives up.
      logError({ event: "order_alarm_failed", order: this.ctx.id.name }, cause);
      await this.ctx.storage.setAlarm(Date.now() + ALARM_AGAIN_MS);
      this.#armedAt = Date.now() + ALARM_AGAIN_MS;
    }
    this.#arm();
  }

  /** No await in here: between reading an order and writing it, nothing else can happen. */
  #hear(report: Report, now: number): void {
    const before = this.#store.load();
    if (!before) return;
    if (
      "source" in report &&
      report.source.via === "callback" &&
      !this.#store.isNews(report.source.event, now)
    )
      return;
    if (report.type === "projected") {
      if (report.version === before.version) this.#store.settle(PUBLISH);
      return;
    }
    if (report.type === "query_requested") {
      if (now - this.#queriedAt < QUERY_EVERY_MS) return;
      this.#queriedAt = now;
    }
    const decision = decide(before, report, now);
    const idle = decision.order === before && decision.effects.length === 0;
    if (idle && (report.type === "clock_ticked" || report.type === "case_opened")) return;
    this.#commit(before, decision, told(report), now);
  }

  /** Stores a decision and, once it is durable, sends the work it causes. The outbox repeats what gets lost. */
  #commit(before: Order, decision: Decision, heard: { type: string; detail: unknown }, now: number): void {
    this.#store.save(before, decision, heard, now);
    const { order, effects } = decision;
    if (before.state !== order.state) {
      const { order: id, sale, reason, version } = order;
      log({
        event: "order_transition",
        order: id,
        sale,
        from: before.state,
        to: order.state,
        reason,
        version,
        cause: heard.type,
      });
    }
    this.#arm();
    const fresh = effects.map(keyOf);
    if (before.version !== order.version) fresh.push(PUBLISH);
    if (fresh.length > 0) this.ctx.waitUntil(this.#sendFresh(fresh));
  }

  /** After the transaction, and only what it left in the outbox. The output gate keeps messages back until that is on disk. */
  async #sendFresh(keys: readonly string[]): Promise<void> {
    await Promise.resolve();
    await this.#send(keys.map((key) => this.#store.waiting(key)).filter((waiting) => waiting !== null));
  }

  /** At least once: a crash anywhere around this repeats a message, and its key lets the consumer's answer settle it. */
  async #send(waiting: readonly Waiting[]): Promise<void> {
    const order = this.#store.load();
    if (!order || waiting.length === 0) return;
    try {
      const work: EffectMessage[] = [];
      for (const { key, effect } of waiting)
        if (effect)
          work.push({ v: 1, type: "order_effect", order: order.order, key, effect, snapshot: order });
      if (work.length > 0) await this.env.EFFECTS.sendBatch(work.map((body) => ({ body })));
      if (waiting.some(({ key }) => key === PUBLISH)) {
        const changed: OrderEventMessage = { v: 1, type: "order_changed", order, at: order.updatedAt };
        await this.env.ORDER_EVENTS.send(changed);
      }
    } catch (cause) {
      logError({ event: "order_work_not_sent", order: order.order, waiting: waiting.length }, cause);
    }
  }

  /** An actor has one alarm: the earliest thing it still owes. Moving it later is not worth a write: early is harmless. */
  #arm(): void {
    const order = this.#store.load();
    if (!order) return;
    const owed = [dueAt(order), this.#store.nextDueAt()].filter((at) => at !== null);
    if (owed.length === 0) return;
    const at = Math.min(...owed);
    if (this.#armedAt !== null && this.#armedAt <= at) return;
    this.#armedAt = at;
    // Part of the same commit; a failure closes the output gate, so nobody hears of what has no alarm.
    void this.ctx.storage.setAlarm(at);
  }

  /** One key, one subject: the first request makes it, every later one is shown it. */
  #once<T, E>(
    key: string,
    fingerprint: string,
    {
      again,
      first,
    }: {
      again: (subject: string) => T;
      first: (keep: (subject: string) => void) => T | { ok: false; error: E };
    },
  ): T | { ok: false; error: E | { code: "idempotency_key_reused" } } {
    return this.#store.transaction(() => {
      const known = this.#store.key(key);
      if (known && known.fingerprint !== fingerprint) return err({ code: "idempotency_key_reused" });
      if (known) return again(known.subject);
      return first((subject) => this.#store.keep(key, fingerprint, subject));
    });
  }

  #payment(id: string, replayed: boolean) {
    const order = this.#store.load();
    const payment = order?.payments.find((candidate) => candidate.id === id);
    if (!order || !payment) throw new Error(`the payment ${id} is not there`);
    return ok({ order, payment, replayed });
  }

  #refund(id: string, replayed: boolean) {
    const order = this.#store.load();
    const refund = order?.refunds.find((candidate) => candidate.id === id);
    if (!order || !refund) throw new Error(`the refund ${id} is not there`);
    return ok({ order, refund, replayed });
  }

  #isAnswer(key: string, reports: readonly Report[]): boolean {
    const open = reports.some(({ type }) => type === "payment_unknown" || type === "refund_unknown");
    return !open || !NEEDS_ANSWER.some((prefix) => key.startsWith(prefix));
  }
}
