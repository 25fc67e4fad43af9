import { DurableObject } from "cloudflare:workers";
import type { JournalLine, SkuApi } from "../../schema/actors.ts";
import { holdsOf as holdsIn, textOfAnswers } from "../../schema/hold-batch.ts";
import { skuNumberOf, type BuyerId, type OrderId } from "../../schema/ids.ts";
import { assert, err, ok, RuleBroken } from "../../schema/result.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  HoldAnswer,
  HoldRequest,
  HoldView,
  KeyAnswer,
  KeyRequest,
  MoveAnswer,
  Release,
  ReleaseReason,
  RestockAnswer,
  RestockRequest,
  SkuConfig,
  SkuView,
  StockMove,
} from "../../schema/sku.ts";
import type { SoldOut } from "../../schema/sold-out.ts";
import { logError } from "../log.ts";
import { RaisedCases, refusedCommit } from "../raised-cases.ts";
import { Alarm } from "./alarm.ts";
import type { SkuAnswer, SkuCommand } from "./commands.ts";
import { BATCH_MAX, CommitQueue } from "./commit-queue.ts";
import { Crowd } from "./crowd.ts";
import { nextDueAt } from "./deadlines.ts";
import { apply } from "./machine.ts";
import { bodiesOf, rowOf } from "./journal-text.ts";
import { Outbox, type ReadRows } from "./outbox.ts";
import { Publisher } from "./publisher.ts";
import { holdOf } from "./recall.ts";
import { Snapshots } from "./snapshots.ts";
import type { SkuState } from "./state.ts";
import { SkuStore } from "./store.ts";
import { assertSound, holdsOf, soldOutViewOf, viewOf, viewOfHold } from "./views.ts";

/** Nobody has asked for anything for so long: time for what would let them wait. */
const QUIET_MS = 1_000;

/** The one writer of a SKU's stock: the rules are in machine.ts, the journal in store.ts; here they meet the clock. */
export class SkuActor extends DurableObject<Env> implements SkuApi {
  readonly #store: SkuStore;
  readonly #state: SkuState;
  readonly #outbox: Outbox;
  readonly #publisher: Publisher;
  readonly #raised: RaisedCases;
  readonly #queue = new CommitQueue(
    (commands) => this.#commit(commands),
    () => this.#isBehind(),
  );
  readonly #crowd = new Crowd();
  readonly #snapshots: Snapshots;
  /** When somebody last asked for something, epoch ms. */
  #askedAt = 0;
  #soldOut: SoldOut | null = null;
  #acknowledged = false;
  readonly #alarm = new Alarm(this.ctx.storage);
  /** Why this memory must not be used any more: it is thrown away as soon as people are sure to be told. */
  #spoiled: RuleBroken | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#raised = new RaisedCases(ctx.storage, () => this.env.EFFECTS);
    try {
      this.#store = new SkuStore(ctx.storage);
      const { state, sinceSnapshot, published } = this.#store.load();
      this.#state = state;
      this.#snapshots = new Snapshots(state, sinceSnapshot);
      const read: ReadRows = (...range) => this.#store.read(...range).map(rowOf);
      this.#outbox = new Outbox(published, this.#store.seq, Date.now(), state.offers, read);
    } catch (cause) {
      logError({ event: "sku_not_loaded", actor: ctx.id.name ?? null }, cause);
      throw cause;
    }
    this.#publisher = new Publisher(() => this.env, this.#outbox);
    if (this.#wakeAt() === null) return;
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.recall();
      await this.#arm();
    });
  }

  async configure(config: SkuConfig, stock: number) {
    const answer = await this.#ask({ type: "configure", config, stock });
    return answer.ok ? ok(this.#view(config)) : answer;
  }

  async hold(request: HoldRequest): Promise<HoldAnswer> {
    this.#crowd.ask(1, Date.now());
    return this.#ask({ type: "hold", request });
  }

  async holdMany(batch: string): Promise<string> {
    const commands = holdsIn(batch).map((request) => ({ type: "hold" as const, request }));
    const answers = this.#askAll(commands);
    this.#crowd.ask(commands.length, Date.now());
    return textOfAnswers(await answers);
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    return this.#ask({ type: "claim", request });
  }

  async claimMany(requests: readonly ClaimRequest[]): Promise<ClaimAnswer[]> {
    return this.#askAll(requests.map((request) => ({ type: "claim" as const, request })));
  }

  async commit(move: StockMove): Promise<MoveAnswer> {
    return this.#ask({ type: "commit", move });
  }

  async commitMany(moves: readonly StockMove[]): Promise<MoveAnswer[]> {
    return this.#askAll(moves.map((move) => ({ type: "commit" as const, move })));
  }

  async release(move: StockMove, reason: ReleaseReason): Promise<MoveAnswer> {
    return this.#ask({ type: "release", move, reason });
  }

  async releaseMany(releases: readonly Release[]): Promise<MoveAnswer[]> {
    return this.#askAll(releases.map(({ move, reason }) => ({ type: "release" as const, move, reason })));
  }

  async retake(move: StockMove, until: number): Promise<MoveAnswer> {
    return this.#ask({ type: "retake", move, until });
  }

  async restock(request: RestockRequest): Promise<RestockAnswer> {
    // Units that are over are free, and there may be more of them than one commit should have to end.
    if (request.delta < 0 && this.#hasDue()) await this.#queue.drain();
    const answer = await this.#ask({ type: "restock", request });
    const { config } = this.#state;
    if (!answer.ok || !config) return answer.ok ? err({ code: "unknown_sku" }) : answer;
    return ok({ view: this.#view(config), replayed: answer.value.replayed });
  }

  async bindKey(request: KeyRequest): Promise<KeyAnswer> {
    return this.#ask({ type: "bind", request });
  }

  /** A key that stays bound because the queue was full is taken over once its request is seen to be dead. */
  async unbindKey(request: { buyer: BuyerId; key: string; order: OrderId }): Promise<void> {
    await this.#ask({ type: "unbind", ...request });
  }

  async find(order: OrderId): Promise<HoldView | null> {
    const hold = holdOf(this.#settled({ type: "look", order }), order);
    return hold ? viewOfHold(this.#state.offers, hold) : null;
  }

  async holdsOf(buyer: BuyerId): Promise<HoldView[]> {
    return holdsOf(this.#settled({ type: "look", buyer }), buyer);
  }

  async view(): Promise<SkuView | null> {
    const { config } = this.#settled();
    return config && this.#view(config);
  }

  /** Counted anew only when something has happened since: in a sold-out rush many ask and little happens. */
  async soldOut(): Promise<SoldOut | null> {
    const state = this.#settled();
    const version = this.#store.seq;
    if (this.#soldOut?.version !== version) this.#soldOut = soldOutViewOf(state, version);
    return this.#soldOut;
  }

  async journal(after: number): Promise<JournalLine[]> {
    return this.#store.rowsAfter(after);
  }

  async published(after: number, through: number): Promise<void> {
    if (!this.#outbox.acknowledge(after, through)) return;
    this.#acknowledged = true;
    await this.#queue.drain();
  }

  /** Deadlines that passed, and rows that D1 has not acknowledged. Running early or twice is harmless. */
  override async alarm(): Promise<void> {
    this.#alarm.rang();
    try {
      await this.#queue.drain();
      await this.#publish();
    } catch (cause) {
      logError({ event: "sku_alarm_failed", sku: this.#state.config?.sku ?? null }, cause);
    } finally {
      await this.#arm();
    }
    await this.#raised.send();
  }

  async #ask<C extends SkuCommand>(command: C) {
    assertSound(command);
    return this.#queue.ask(command);
  }

  /** One that is not sound, or one too many, and none is asked. */
  #askAll<C extends SkuCommand>(commands: readonly C[]) {
    assert(commands.length <= BATCH_MAX, `commands come in batches of at most ${BATCH_MAX}`);
    for (const command of commands) assertSound(command);
    return this.#queue.askAll(commands);
  }

  #view(config: SkuConfig): SkuView {
    return viewOf(this.#state, config, this.#store.seq, this.#crowd.isHere(Date.now()));
  }

  /**
   * The state as of now: an instance that was replaced does not answer. Where much is due at once its figures follow within moments;
   * what is asked about is always as it is now.
   */
  #settled(look?: Extract<SkuCommand, { type: "look" }>): SkuState {
    if (this.#spoiled) throw this.#spoiled;
    if (!this.#store.isCurrent()) {
      this.ctx.abort("another instance has written this SKU's journal");
      throw new Error("this SKU moved");
    }
    if (this.#hasDue()) this.#commit(look ? [look] : []);
    return this.#state;
  }

  #hasDue(): boolean {
    const due = nextDueAt(this.#state);
    return due !== null && due <= Math.max(this.#state.now, Date.now());
  }

  /** Whether there is something to do that nobody asks for. */
  #isBehind(): boolean {
    return this.#hasDue() || this.#snapshots.isMaking || this.#store.hasRubbish;
  }

  /** No await in here: what is decided is written, or this memory is thrown away and rebuilt from the journal. */
  #commit(commands: readonly SkuCommand[]): SkuAnswer[] {
    if (this.#spoiled) throw this.#spoiled;
    try {
      const { results, events, overdue, archived } = apply(this.#state, commands, Date.now());
      if (commands.length > 0) this.#askedAt = Date.now();
      const piece = this.#snapshots.next();
      const rows = this.#store.write({
        at: this.#state.now,
        bodies: bodiesOf(events, this.#state.offers),
        archived,
        published: this.#acknowledged || piece?.isWhole ? this.#outbox.cursor : 0,
        piece,
      });
      this.#snapshots.happened(events.length);
      const { seq, hasRubbish } = this.#store;
      if (!hasRubbish && this.#snapshots.isDue(this.#quietAt() <= Date.now())) this.#snapshots.begin(seq);
      this.#acknowledged = false;
      for (const row of rows) this.#outbox.wrote(row, Date.now());
      this.#publisher.addOverdue(overdue);
      if (this.#publisher.hasNews) this.ctx.waitUntil(this.#publish());
      void this.#arm();
      return results;
    } catch (cause) {
      logError({ event: "sku_commit_failed", sku: this.#state.config?.sku ?? null }, cause);
      if (cause instanceof RuleBroken) this.#startAnew(cause);
      else this.ctx.abort("a commit could not be written");
      throw cause;
    }
  }

  /** A commit that breaks a rule is refused. The SKU goes on from its journal, and people are told. */
  #startAnew(cause: RuleBroken): void {
    this.#spoiled = cause;
    const subject = this.#state.config?.sku ?? this.ctx.id.name ?? "";
    const raised = this.#raised.raise(refusedCommit(subject, cause, Date.now(), null));
    void raised.finally(() => this.ctx.abort("a commit broke a rule")).catch(() => {});
  }

  async #publish(): Promise<void> {
    const { config } = this.#state;
    if (config) await this.#publisher.publish(skuNumberOf(config.sku));
  }

  #wakeAt(): number | null {
    if (this.#isBehind()) return Date.now();
    const due = nextDueAt(this.#state);
    const resend = this.#outbox.dueAt();
    const snapshot = this.#snapshots.isDue(true) ? this.#quietAt() : null;
    const at = Math.min(due ?? Infinity, resend ?? Infinity, snapshot ?? Infinity);
    return at === Infinity ? null : at;
  }

  #quietAt(): number {
    return this.#askedAt + QUIET_MS;
  }

  async #arm(): Promise<void> {
    try {
      await this.#alarm.set(this.#wakeAt());
    } catch (cause) {
      logError({ event: "sku_alarm_not_set", sku: this.#state.config?.sku ?? null }, cause);
    }
  }
}
