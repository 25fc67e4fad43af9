import { isEnded, keyOf, type Decision } from "../../durable-objects/order/decision.ts";
import { cancel, decide, finish, start } from "../../durable-objects/order/machine.ts";
import { requestRefund } from "../../durable-objects/order/refunds.ts";
import { dueAt } from "../../durable-objects/order/time.ts";
import type { OrderId } from "../../schema/ids.ts";
import {
  unborn,
  type CancelAnswer,
  type Effect,
  type Order,
  type Placement,
  type RefundAnswer,
  type RefundRequest,
  type Report,
  type StartAnswer,
  type StartRequest,
} from "../../schema/order.ts";
import { err, ok } from "../../schema/result.ts";

/** As the actor and its store have them. */
const RESEND_MS = 5_000;
const RESEND_MS_MAX = 300_000;
const QUERY_EVERY_MS = 2_000;
const SEND_MAX = 50;
export const PUBLISH = "publish";

export interface Owed {
  /** Null for the read model's copy. */
  effect: Effect | null;
  tries: number;
  dueAt: number;
}

/** What an order's object has on disk: rows in memory here, replaced as a whole or not at all. */
interface Rows {
  order: Order;
  readonly outbox: Map<string, Owed>;
  readonly inbox: Set<string>;
  readonly keys: Map<string, { fingerprint: string; subject: string }>;
}

/** What an order's object can be asked. */
export type Question =
  | { ask: "view" | "alarm" }
  | { ask: "start"; request: StartRequest }
  | { ask: "cancel"; placement: Placement }
  | { ask: "refund"; request: RefundRequest }
  | { ask: "report"; reports: readonly Report[]; settles: string | null };

export interface OrderHost {
  now(): number;
  /** For whoever writes it down. */
  readonly asked?: ((question: Question) => void) | undefined;
  alarm(at: number): void;
  /** What the disk gives back of an order. */
  stored(order: Order): Order;
  send(order: Order, waiting: readonly { key: string; effect: Effect | null }[]): void;
  /** Every commit, for whoever watches the rules. */
  committed(before: Order, after: Order, decision: Decision, cause: string): void;
}

/** An OrderActor without a runtime: its machine is the real one, its rows are kept as the actor's store keeps them. */
export class OrderObject {
  readonly id: OrderId;
  rows: Rows | null = null;
  /** What the alarm is set to, on disk. */
  alarmAt: number | null = null;
  readonly #host: OrderHost;
  /** What only an instance in memory knows. */
  #armedAt: number | null = null;
  #queriedAt = 0;
  #asked = new Set<string>();
  #isLoaded = false;

  constructor(id: OrderId, host: OrderHost) {
    this.id = id;
    this.#host = host;
  }

  get order(): Order | null {
    return this.rows?.order ?? null;
  }

  /** Everything in memory is gone, and what was to be sent with it. */
  crash(): void {
    this.#isLoaded = false;
    this.#asked.clear();
    this.#queriedAt = 0;
    if (this.rows) this.rows.order = this.#host.stored(this.rows.order);
  }

  /** Sends what the last step asked for. */
  flush(): void {
    if (this.#asked.size === 0) return;
    const keys = [...this.#asked].slice(0, SEND_MAX);
    this.#asked.clear();
    this.#send(keys);
  }

  view(): Order | null {
    this.#host.asked?.({ ask: "view" });
    this.#load();
    const order = this.order;
    if (order?.state === "pending" && this.#host.now() >= order.payBy)
      this.#step(null, () => this.#hear({ type: "clock_ticked" }, null));
    return this.order;
  }

  start(request: StartRequest): StartAnswer {
    this.#host.asked?.({ ask: "start", request });
    this.#load();
    const key = `payment ${request.key}`;
    const now = this.#host.now();
    const known = this.rows?.keys.get(key);
    if (known && known.fingerprint !== request.fingerprint) return err({ code: "idempotency_key_reused" });
    if (known) return ok({ ...this.#started(known.subject), replayed: true });
    const before = this.order ?? unborn(request.placement, now);
    const decision = start(before, request, now);
    if (!decision.ok) return decision;
    return this.#step(null, () => {
      this.#commit(before, decision.value, "payment_started", null);
      const id = decision.value.order.payments.at(-1)?.id ?? "";
      this.rows?.keys.set(key, { fingerprint: request.fingerprint, subject: id });
      return ok({ ...this.#started(id), replayed: false });
    });
  }

  cancel(placement: Placement): CancelAnswer {
    this.#host.asked?.({ ask: "cancel", placement });
    this.#load();
    const now = this.#host.now();
    const before = this.order ?? unborn(placement, now);
    const decision = cancel(before, now);
    if (!decision.ok) return decision;
    const { order } = decision.value;
    if (order !== before)
      this.#step(null, () => this.#commit(before, decision.value, "cancel_requested", null));
    return ok(order);
  }

  refund(request: RefundRequest): RefundAnswer {
    this.#host.asked?.({ ask: "refund", request });
    this.#load();
    const key = `refund ${request.key}`;
    const now = this.#host.now();
    const known = this.rows?.keys.get(key);
    if (known && known.fingerprint !== request.fingerprint) return err({ code: "idempotency_key_reused" });
    if (known) return ok({ ...this.#refunded(known.subject), replayed: true });
    const before = this.order;
    if (!before) return err({ code: "unknown_order" });
    const asked = requestRefund(before, request, now);
    if (!asked.ok) return asked;
    return this.#step(null, () => {
      const decision = finish(before, asked.value, now);
      this.#commit(before, decision, "refund_requested", null);
      const id = decision.order.refunds.at(-1)?.id ?? "";
      this.rows?.keys.set(key, { fingerprint: request.fingerprint, subject: id });
      return ok({ ...this.#refunded(id), replayed: false });
    });
  }

  report(reports: readonly Report[], settles: string | null): Order | null {
    this.#host.asked?.({ ask: "report", reports, settles });
    this.#load();
    if (!this.rows) return null;
    return this.#step(settles, () => {
      for (const report of reports) this.#hear(report, settles);
      const { order } = this;
      if (order && settles !== null && isEnded(order, settles, reports)) this.rows?.outbox.delete(settles);
      return order;
    });
  }

  alarm(): void {
    this.#host.asked?.({ ask: "alarm" });
    this.alarmAt = null;
    this.#load();
    this.#armedAt = null;
    const now = this.#host.now();
    this.#step(null, () => this.#hear({ type: "clock_ticked" }, null));
    const due: string[] = [];
    for (const [key, owed] of this.rows?.outbox ?? []) {
      if (owed.dueAt > now || due.length >= SEND_MAX) continue;
      owed.dueAt = now + Math.min(RESEND_MS * 2 ** (owed.tries + 1), RESEND_MS_MAX);
      owed.tries++;
      due.push(key);
      this.#asked.delete(key);
    }
    this.#arm();
    this.flush();
    if (due.length > 0) this.#send(due);
  }

  #load(): void {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    this.#armedAt = this.alarmAt;
    this.#arm();
  }

  #step<T>(settles: string | null, work: () => T): T {
    const answer = work();
    if (settles !== null) this.#asked.delete(settles);
    this.#arm();
    return answer;
  }

  #hear(report: Report, settles: string | null): void {
    const before = this.order;
    if (!before || !this.rows) return;
    const now = this.#host.now();
    if (report.type === "projected") {
      if (report.version === before.version) this.rows.outbox.delete(PUBLISH);
      return;
    }
    if (report.type === "query_requested") {
      if (now - this.#queriedAt < QUERY_EVERY_MS) return;
      this.#queriedAt = now;
    }
    if (!this.#isNews(report)) return;
    const decision = decide(before, report, now);
    if (decision.order === before && decision.effects.length === 0 && report.type === "clock_ticked") return;
    this.#commit(before, decision, report.type, settles);
  }

  #isNews(report: Report): boolean {
    if (!("source" in report) || report.source.via !== "callback" || !this.rows) return true;
    const event = `${"payment" in report ? report.payment : report.refund} ${report.source.event}`;
    if (this.rows.inbox.has(event)) return false;
    this.rows.inbox.add(event);
    return true;
  }

  #commit(before: Order, decision: Decision, cause: string, settles: string | null): void {
    const { order, effects, withdrawn = [] } = decision;
    const now = this.#host.now();
    this.#host.committed(before, order, decision, cause);
    this.rows ??= { order, outbox: new Map(), inbox: new Set(), keys: new Map() };
    this.rows.order = order;
    const { outbox } = this.rows;
    for (const key of withdrawn) outbox.delete(key);
    for (const effect of effects) {
      const key = keyOf(effect);
      const known = outbox.get(key);
      if (known) known.effect = effect;
      else outbox.set(key, { effect, tries: 0, dueAt: now + RESEND_MS });
      if (key !== settles) this.#asked.add(key);
    }
    if (before.version === order.version) return;
    outbox.set(PUBLISH, { effect: null, tries: 0, dueAt: now + RESEND_MS });
    this.#asked.add(PUBLISH);
  }

  #send(keys: readonly string[]): void {
    const { rows } = this;
    if (!rows) return;
    const waiting = keys.flatMap((key) => {
      const owed = rows.outbox.get(key);
      return owed ? [{ key, effect: owed.effect }] : [];
    });
    if (waiting.length > 0) this.#host.send(rows.order, waiting);
  }

  #arm(): void {
    if (!this.rows) return;
    let at = dueAt(this.rows.order) ?? Infinity;
    for (const owed of this.rows.outbox.values()) if (owed.dueAt < at) at = owed.dueAt;
    if (at === Infinity) return;
    if (this.#armedAt !== null && this.#armedAt <= at && this.#armedAt > this.#host.now()) return;
    this.#armedAt = at;
    this.alarmAt = at;
    this.#host.alarm(at);
  }

  #started(id: string) {
    const order = this.order;
    const payment = order?.payments.find((candidate) => candidate.id === id);
    if (!order || !payment) throw new Error("a started payment is kept");
    return { order, payment };
  }

  #refunded(id: string) {
    const order = this.order;
    const refund = order?.refunds.find((candidate) => candidate.id === id);
    if (!order || !refund) throw new Error("a requested refund is kept");
    return { order, refund };
  }
}
