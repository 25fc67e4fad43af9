import { DurableObject } from "cloudflare:workers";
import type { OrderApi } from "../../schema/actors.ts";
import type { OrderId } from "../../schema/ids.ts";
import {
  unborn,
  type CancelAnswer,
  type HistoryLine,
  type Order,
  type Placement,
  type RefundAnswer,
  type RefundRequest,
  type Report,
  type StartAnswer,
  type StartRequest,
  type TimelineEntry,
} from "../../schema/order.ts";
import { assert, err, ok, RuleBroken } from "../../schema/result.ts";
import { log, logError, type LogFields } from "../log.ts";
import { RaisedCases, refusedCommit } from "../raised-cases.ts";
import { carry } from "./courier.ts";
import { isEnded, keyOf, type Decision } from "./decision.ts";
import { pageOf } from "./history.ts";
import { cancel, decide, finish, start } from "./machine.ts";
import { requestRefund } from "./refunds.ts";
import { OrderStore, PUBLISH, SILENT, told, type Heard, type Waiting } from "./store.ts";
import { dueAt } from "./time.ts";
import { Words, type Word } from "./words.ts";

/** When the alarm itself could not do its work. */
const ALARM_AGAIN_MS = 30_000;
/** People who press "ask again" and pages that come back do so at most this often. */
const QUERY_EVERY_MS = 2_000;

/** One transaction: its time, what it answers, and what is to be said and sent once it is done. */
interface Step {
  readonly now: number;
  /** The work that the reports of this step answer: asked for again, it waits for its turn in the outbox. */
  readonly settles: string | null;
  readonly asked: Set<string>;
  readonly lines: (LogFields & { event: string })[];
}

/** One order. It loads, decides and stores; the rules are in machine.ts and the SQL is in store.ts. */
export class OrderActor extends DurableObject<Env> implements OrderApi {
  readonly #store: OrderStore;
  readonly #raised: RaisedCases;
  readonly #words: Words;
  /** What the alarm is known to be set to, to spare a write: early is harmless. */
  #armedAt: number | null = null;
  #queriedAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new OrderStore(ctx.storage);
    this.#words = new Words(this.#store);
    this.#raised = new RaisedCases(ctx.storage, () => this.env.EFFECTS);
    void ctx.blockConcurrencyWhile(async () => {
      this.#armedAt = await ctx.storage.getAlarm();
      this.#arm();
    });
  }

  async view(): Promise<Order | null> {
    const order = this.#store.load();
    // Nobody is shown an order as pending past its time, however late the alarm is.
    const late = order?.state === "pending" && Date.now() >= order.payBy;
    if (late) this.#step(null, (step) => this.#hear(step, { type: "clock_ticked" }));
    return late ? this.#store.load() : order && this.#words.heardBy(order);
  }

  async start(request: StartRequest): Promise<StartAnswer> {
    const key = `payment ${request.key}`;
    return this.#step(null, (step) => {
      const known = this.#store.key(key);
      if (known && known.fingerprint !== request.fingerprint) return err({ code: "idempotency_key_reused" });
      if (known) return ok({ ...this.#started(known.subject), replayed: true });

      const before = this.#store.load() ?? unborn(request.placement, step.now);
      const decision = start(before, request, step.now);
      if (!decision.ok) return decision;
      const id = decision.value.order.payments.at(-1)?.id ?? "";
      const { provider, account, method, callbackUrl } = request;
      const detail = { payment: id, provider, account, method, callbackUrl };
      this.#commit(step, before, decision.value, { type: "payment_started", detail });
      this.#store.keep(key, request.fingerprint, id);
      return ok({ ...this.#started(id), replayed: false });
    });
  }

  async cancel(placement: Placement): Promise<CancelAnswer> {
    return this.#step(null, (step) => {
      const before = this.#store.load() ?? unborn(placement, step.now);
      const decision = cancel(before, step.now);
      if (!decision.ok) return decision;
      const { order } = decision.value;
      if (order !== before)
        this.#commit(step, before, decision.value, { type: "cancel_requested", detail: {} });
      return ok(order);
    });
  }

  async refund(request: RefundRequest): Promise<RefundAnswer> {
    const key = `refund ${request.key}`;
    return this.#step(null, (step) => {
      const known = this.#store.key(key);
      if (known && known.fingerprint !== request.fingerprint) return err({ code: "idempotency_key_reused" });
      if (known) return ok({ ...this.#refunded(known.subject), replayed: true });

      const before = this.#store.load();
      if (!before) return err({ code: "unknown_order" });
      const asked = requestRefund(before, request, step.now);
      if (!asked.ok) return asked;
      const decision = finish(before, asked.value, step.now);
      const { id = "", amount } = decision.order.refunds.at(-1) ?? {};
      const { reason, by } = request;
      this.#commit(step, before, decision, {
        type: "refund_requested",
        detail: { refund: id, amount, reason, by },
      });
      this.#store.keep(key, request.fingerprint, id);
      return ok({ ...this.#refunded(id), replayed: false });
    });
  }

  async report(reports: readonly Report[], settles?: string): Promise<Order | null> {
    const stored = this.#store.load();
    if (!stored) return null;
    const word = { reports, settles: settles ?? null };
    if (this.#refusing(() => this.#words.keep(stored, word, this.#armedAt)))
      return this.#words.heardBy(stored);
    return this.#step(settles ?? null, (step) => {
      this.#take(step, word);
      return this.#store.load();
    });
  }

  async timeline(): Promise<TimelineEntry[]> {
    return this.#readHistory().map(({ seq, at, kind, type, detail }) => ({
      seq,
      at,
      kind,
      type,
      detail: JSON.parse(detail) as unknown,
    }));
  }

  async history(after: number): Promise<HistoryLine[]> {
    return pageOf(this.#readHistory(), after);
  }

  /** Nobody is shown a history that is not what was written: people are told, and whoever asks gets an error. */
  #readHistory(): HistoryLine[] {
    if (!this.#words.isEmpty) this.#step(null, () => undefined);
    try {
      return this.#store.history();
    } catch (cause) {
      const order = this.#id;
      logError({ event: "order_history_broken", order }, cause);
      const [id, detail] = [`history_broken:${order}`, String(cause)];
      const openedAt = Date.now();
      const raised = this.#raised.raise({
        id,
        kind: "history_broken",
        order,
        payment: null,
        detail,
        openedAt,
      });
      this.ctx.waitUntil(raised);
      throw cause;
    }
  }

  /** Deadlines, questions and unreported work are all due by the clock. Running early or twice is harmless. */
  override async alarm(): Promise<void> {
    // One that has rung is in the past: the next is set whatever it was, and it is taken off when there is no next.
    this.#armedAt = 0;
    try {
      await this.#send(this.#passTime());
    } catch (cause) {
      // Not rethrown: the platform gives an alarm up after a few tries, and an order never gives up.
      logError({ event: "order_alarm_failed", order: this.#id }, cause);
      await this.#armAgain();
    }
    await this.#raised.send();
  }

  /** What must be sent again now. An order that the clock may not move still owes what it owed. */
  #passTime(): Waiting[] {
    const take = (step: Step): Waiting[] => {
      const again = this.#store.takeDue(step.now);
      for (const { key } of again) step.asked.delete(key);
      return again;
    };
    try {
      return this.#step(null, (step) => {
        this.#hear(step, { type: "clock_ticked" });
        return take(step);
      });
    } catch (cause) {
      if (!(cause instanceof RuleBroken)) throw cause;
      const due = this.#step(null, take);
      void this.#armAgain();
      return due;
    }
  }

  async #armAgain(): Promise<void> {
    this.#armedAt = Date.now() + ALARM_AGAIN_MS;
    await this.ctx.storage.setAlarm(this.#armedAt);
  }

  /** No await in here: between reading an order and writing it, nothing else can happen. */
  #step<T>(settles: string | null, work: (step: Step) => T): T {
    const step: Step = { now: Date.now(), settles, asked: new Set(), lines: [] };
    // Should it fail, the work that these words are of is done once more.
    const words = this.#words.take();
    const answer = this.#refusing(() =>
      this.#store.transaction(() => {
        for (const word of words) this.#take(step, word);
        const done = work(step);
        this.#arm();
        return done;
      }),
    );
    for (const line of step.lines) log(line);
    // Nobody waits for it. The output gate keeps messages back until what they speak of is on disk.
    if (step.asked.size > 0) this.ctx.waitUntil(this.#send(this.#store.waiting([...step.asked])));
    return answer;
  }

  /** Hears reports, and settles the work that they answer. */
  #take(step: Step, { reports, settles }: Word): void {
    for (const report of reports) this.#hear(step, report);
    const order = this.#store.load();
    if (order && settles !== null && isEnded(order, settles, reports)) this.#store.settle(settles);
  }

  /** What breaks a rule is not written: the order goes on from what it was, and people are told. */
  #refusing<T>(commit: () => T): T {
    const armedAt = this.#armedAt;
    try {
      return commit();
    } catch (cause) {
      this.#armedAt = armedAt;
      if (cause instanceof RuleBroken) {
        const order = this.#id;
        logError({ event: "order_rule_broken", order }, cause);
        this.ctx.waitUntil(this.#raised.raise(refusedCommit(order, cause, Date.now(), order)));
      }
      throw cause;
    }
  }

  /** An order's object has its name. */
  get #id(): OrderId {
    return this.ctx.id.name as OrderId;
  }

  #hear(step: Step, report: Report): void {
    const before = this.#store.load();
    if (!before) return;
    if (report.type === "projected") {
      if (report.version === before.version) this.#store.settle(PUBLISH);
      return;
    }
    if (report.type === "query_requested") {
      if (step.now - this.#queriedAt < QUERY_EVERY_MS) return;
      this.#queriedAt = step.now;
    }
    if (!this.#store.isNews(report, step.now)) return;
    const decision = decide(before, report, step.now);
    const idle = decision.order === before && decision.effects.length === 0;
    if (idle && SILENT.has(report.type)) return;
    this.#commit(step, before, decision, told(report));
  }

  #commit(step: Step, before: Order, decision: Decision, heard: Heard): void {
    this.#store.save(before, decision, heard, step.now);
    const { order, effects } = decision;
    for (const key of effects.map(keyOf)) if (key !== step.settles) step.asked.add(key);
    if (before.version !== order.version) step.asked.add(PUBLISH);
    if (before.state === order.state) return;
    const { order: id, sale, state: to, reason, version } = order;
    const { state: from } = before;
    step.lines.push({
      event: "order_transition",
      order: id,
      sale,
      from,
      to,
      reason,
      version,
      cause: heard.type,
    });
  }

  async #send(waiting: readonly Waiting[]): Promise<void> {
    const order = this.#store.load();
    if (order && waiting.length > 0) await carry(this.env, order, waiting);
  }

  /** An actor has one alarm: the earliest thing it still owes. */
  #arm(): void {
    const order = this.#store.load();
    if (!order) return;
    const owed = [dueAt(order), this.#store.nextDueAt()].filter((at) => at !== null);
    if (owed.length === 0) return this.#disarm();
    const at = Math.min(...owed);
    // One that is overdue may have been given up by the platform.
    if (this.#armedAt !== null && this.#armedAt <= at && this.#armedAt > Date.now()) return;
    this.#armedAt = at;
    // Part of the same commit; a failure closes the output gate, so nobody hears of what has no alarm.
    void this.ctx.storage.setAlarm(at);
  }

  /** An order at rest is not woken, in the same commit that brings it there. */
  #disarm(): void {
    if (this.#armedAt === null || this.#raised.isWaiting) return;
    this.#armedAt = null;
    void this.ctx.storage.deleteAlarm();
  }

  #started(id: string) {
    const order = this.#store.load();
    const payment = order?.payments.find((candidate) => candidate.id === id);
    assert(order !== null && payment !== undefined, "a started payment is kept");
    return { order, payment };
  }

  #refunded(id: string) {
    const order = this.#store.load();
    const refund = order?.refunds.find((candidate) => candidate.id === id);
    assert(order !== null && refund !== undefined, "a requested refund is kept");
    return { order, refund };
  }
}
