import { DurableObject } from "cloudflare:workers";
import type { OrderApi } from "../../schema/actors.ts";
import type { OrderId } from "../../schema/ids.ts";
import {
  unborn,
  type CancelAnswer,
  type Case,
  type HistoryLine,
  type Order,
  type Placement,
  type RefundAnswer,
  type RefundRefusal,
  type RefundRequest,
  type Report,
  type StartAnswer,
  type StartRequest,
  type TimelineEntry,
} from "../../schema/order.ts";
import { err, ok, RuleBroken, type Result } from "../../schema/result.ts";
import { log, logError, type LogFields } from "../log.ts";
import { RaisedCases, refusedCommit } from "../raised-cases.ts";
import { Alarm } from "./alarm.ts";
import { carry } from "./courier.ts";
import { isEnded, keyOf, type Decision } from "./decision.ts";
import {
  cancelRequested,
  paymentStarted,
  refundRequested,
  told,
  transitionLine,
  type Heard,
} from "./heard.ts";
import { brokenHistory, pageOf, timelineOf } from "./history.ts";
import { kept, once } from "./keys.ts";
import { cancel, decide, finish, start } from "./machine.ts";
import { requestRefund } from "./refunds.ts";
import { OrderStore, PUBLISH, SILENT_WHEN_IDLE, type Waiting } from "./store.ts";
import { dueAt } from "./time.ts";
import { Words, type Word } from "./words.ts";

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
  readonly #alarm: Alarm;
  #queriedAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new OrderStore(ctx.storage);
    this.#words = new Words(this.#store);
    this.#alarm = new Alarm(ctx.storage);
    this.#raised = new RaisedCases(ctx.storage, () => this.env.EFFECTS);
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load();
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
    const { key, fingerprint, placement } = request;
    const made = this.#step(null, (step) =>
      once(this.#store, `payment ${key}`, fingerprint, () => {
        const before = this.#store.load() ?? unborn(placement, step.now);
        const decision = start(before, request, step.now);
        if (!decision.ok) return decision;
        const id = decision.value.order.payments.at(-1)?.id ?? "";
        this.#commit(step, before, decision.value, paymentStarted(id, request));
        return ok(id);
      }),
    );
    if (!made.ok) return made;
    const { order, id, replayed } = made.value;
    return ok({ order, payment: kept(order.payments, id), replayed });
  }

  async cancel(placement: Placement): Promise<CancelAnswer> {
    return this.#step(null, (step) => {
      const before = this.#store.load() ?? unborn(placement, step.now);
      const decision = cancel(before, step.now);
      if (!decision.ok) return decision;
      const { order } = decision.value;
      if (order !== before) this.#commit(step, before, decision.value, cancelRequested);
      return ok(order);
    });
  }

  async refund(request: RefundRequest): Promise<RefundAnswer> {
    const { key, fingerprint } = request;
    const made = this.#step(null, (step) =>
      once(this.#store, `refund ${key}`, fingerprint, (): Result<string, RefundRefusal> => {
        const before = this.#store.load();
        if (!before) return err({ code: "unknown_order" });
        const asked = requestRefund(before, request, step.now);
        if (!asked.ok) return asked;
        const decision = finish(before, asked.value, step.now);
        const id = decision.order.refunds.at(-1)?.id ?? "";
        const heard = refundRequested(kept(decision.order.refunds, id), request);
        this.#commit(step, before, decision, heard);
        return ok(id);
      }),
    );
    if (!made.ok) return made;
    const { order, id, replayed } = made.value;
    return ok({ order, refund: kept(order.refunds, id), replayed });
  }

  async report(reports: readonly Report[], settles?: string): Promise<Order | null> {
    const stored = this.#store.load();
    if (!stored) return null;
    const word = { reports, settles: settles ?? null };
    if (this.#refusing(() => this.#words.keep(stored, word, this.#alarm.at)))
      return this.#words.heardBy(stored);
    return this.#step(settles ?? null, (step) => {
      this.#take(step, word);
      return this.#store.load();
    });
  }

  async timeline(): Promise<TimelineEntry[]> {
    return timelineOf(this.#readHistory());
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
      this.#raise("order_history_broken", brokenHistory(this.#id, cause, Date.now()), cause);
      throw cause;
    }
  }

  /** Deadlines, questions and unreported work are all due by the clock. Running early or twice is harmless. */
  override async alarm(): Promise<void> {
    this.#alarm.rang();
    try {
      await this.#send(this.#passTime());
    } catch (cause) {
      // Not rethrown: the platform gives an alarm up after a few tries, and an order never gives up.
      logError({ event: "order_alarm_failed", order: this.#id }, cause);
      await this.#alarm.again();
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
      void this.#alarm.again();
      return due;
    }
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
    const { at } = this.#alarm;
    try {
      return commit();
    } catch (cause) {
      this.#alarm.restore(at);
      if (cause instanceof RuleBroken)
        this.#raise("order_rule_broken", refusedCommit(this.#id, cause, Date.now(), this.#id), cause);
      throw cause;
    }
  }

  /** People are told, even if this instance ends now. */
  #raise(event: string, raised: Case, cause: unknown): void {
    logError({ event, order: this.#id }, cause);
    this.ctx.waitUntil(this.#raised.raise(raised));
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
    if (idle && SILENT_WHEN_IDLE.has(report.type)) return;
    this.#commit(step, before, decision, told(report));
  }

  #commit(step: Step, before: Order, decision: Decision, heard: Heard): void {
    this.#store.save(before, decision, heard, step.now);
    const { order, effects } = decision;
    for (const key of effects.map(keyOf)) if (key !== step.settles) step.asked.add(key);
    if (before.version !== order.version) step.asked.add(PUBLISH);
    if (before.state !== order.state) step.lines.push(transitionLine(before, order, heard.type));
  }

  async #send(waiting: readonly Waiting[]): Promise<void> {
    const order = this.#store.load();
    if (order && waiting.length > 0) await carry(this.env, order, waiting);
  }

  /** The alarm is the earliest thing that the order still owes; one at rest is not woken. */
  #arm(): void {
    const order = this.#store.load();
    if (!order) return;
    const owed = [dueAt(order), this.#store.nextDueAt()].filter((at) => at !== null);
    if (owed.length > 0) this.#alarm.set(Math.min(...owed));
    else if (this.#alarm.at !== null && !this.#raised.isWaiting) this.#alarm.clear();
  }
}
