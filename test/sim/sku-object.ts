import type { SkuAnswer, SkuAnswers, SkuCommand } from "../../durable-objects/sku/commands.ts";
import type { Chunk } from "../../durable-objects/sku/archive.ts";
import { replay, type Happened } from "../../durable-objects/sku/evolve.ts";
import { advance, type Archiving } from "../../durable-objects/sku/leaving.ts";
import { holdOf } from "../../durable-objects/sku/recall.ts";
import { nextDueAt } from "../../durable-objects/sku/deadlines.ts";
import { apply } from "../../durable-objects/sku/machine.ts";
import { Outbox } from "../../durable-objects/sku/outbox.ts";
import { thaw } from "../../durable-objects/sku/snapshot.ts";
import { Snapshots, type SnapshotPace, type SnapshotPiece } from "../../durable-objects/sku/snapshots.ts";
import { emptyState, type SkuState } from "../../durable-objects/sku/state.ts";
import { soldOutViewOf, viewOf, viewOfHold } from "../../durable-objects/sku/views.ts";
import type { OrderId, SkuNumber } from "../../schema/ids.ts";
import type { HoldView, SkuEvent, SkuView, StockMove } from "../../schema/sku.ts";
import type { SoldOut } from "../../schema/sold-out.ts";
import type { Journal, SimRow } from "./journal.ts";
import type { Weather } from "./weather.ts";

const ALARM_GAP_MS = 100;
/** So few that a snapshot is still in the making when much else happens. */
const PIECE_ITEMS = 3;

/** What sends the journal's news: the real publisher, or a light one. */
export interface Sender {
  readonly hasNews: boolean;
  addOverdue(moves: readonly StockMove[]): void;
  publish(sku: SkuNumber): unknown;
}

export interface SkuHost {
  now(): number;
  /** What this object's clock shows more than the world's. */
  readonly skewMs: number;
  alarm(at: number): void;
  /** @param isAlive whether the instance that sends is still the one in memory. */
  sender(outbox: Outbox<SimRow>, isAlive: () => boolean): Sender;
  /** What a commit was asked to do: nothing when only time passed. */
  readonly asked?: ((commands: readonly SkuCommand[], at: number) => void) | undefined;
  committed(events: readonly SkuEvent[], at: number): void;
  overdue(moves: readonly StockMove[]): void;
  restored(fromSnapshot: boolean, state: SkuState): void;
}

/** The publisher asks the world's clock what to send, this outbox lives by its object's. */
class SkewedOutbox extends Outbox<SimRow> {
  skewMs = 0;

  override take(now: number) {
    return super.take(now + this.skewMs);
  }
}

interface Memory {
  readonly state: SkuState;
  readonly outbox: SkewedOutbox;
  readonly sender: Sender;
  /** Null where nothing is text. */
  readonly snapshots: Snapshots | null;
  isAlive: boolean;
}

/** A SkuActor without a runtime: machine and outbox are the real ones, and where its journal is of text, snapshots are too. */
export class SkuObject {
  readonly number: SkuNumber;
  readonly journal: Journal;
  alarmAt: number | null = null;
  /** What has left memory, and after which row. */
  readonly #chunks: (Chunk & { seq: number })[] = [];
  readonly #host: SkuHost;
  readonly #archiving: Archiving;
  readonly #snapshotPace: SnapshotPace;
  /** Pieces of snapshots, and which of them is whole and in force. */
  #pieces: SnapshotPiece[] = [];
  #snapshotSeq = 0;
  #published = 0;
  #memory: Memory | null = null;
  /** What survives where nothing is text: the state of the last commit. That the journal tells the same is seen in the end. */
  #committed: SkuState | null = null;
  #acknowledged = false;
  #armedAt: number | null = null;

  /** @param settings of which snapshots and archive are made far sooner than in a real sale, so that there are some. */
  constructor(
    number: SkuNumber,
    journal: Journal,
    settings: Pick<Weather, "snapshotEvents" | "archiving">,
    host: SkuHost,
  ) {
    this.number = number;
    this.journal = journal;
    this.#archiving = settings.archiving;
    this.#snapshotPace = {
      events: settings.snapshotEvents,
      eventsMax: settings.snapshotEvents,
      items: PIECE_ITEMS,
    };
    this.#host = host;
  }

  get state(): SkuState {
    return this.#load().state;
  }

  /** Rows that D1 has not acknowledged. */
  get unpublished(): number {
    return this.journal.length - this.#load().outbox.cursor;
  }

  crash(): void {
    if (this.#memory) this.#memory.isAlive = false;
    this.#memory = null;
    this.#acknowledged = false;
  }

  flush(): void {
    const memory = this.#memory;
    if (memory?.sender.hasNews) memory.sender.publish(this.number);
  }

  ask<C extends SkuCommand>(command: C): SkuAnswers[C["type"]] {
    return this.askAll([command])[0] as SkuAnswers[C["type"]];
  }

  /** Whatever is over after the commit is ended by commits that follow at once, as the queue has them. */
  askAll(commands: readonly SkuCommand[]): SkuAnswer[] {
    const answers = this.#commit(commands);
    while (this.#isBehind()) this.#commit([]);
    return answers;
  }

  find(order: OrderId): HoldView | null {
    const state = this.#settled({ type: "look", order });
    const hold = holdOf(state, order);
    return hold ? viewOfHold(state.offers, hold) : null;
  }

  view(): SkuView | null {
    const state = this.#settled();
    return state.config && viewOf(state, state.config, this.journal.length, false);
  }

  soldOut(): SoldOut | null {
    return soldOutViewOf(this.#settled(), this.journal.length);
  }

  publishedThrough(after: number, through: number): void {
    if (!this.#load().outbox.acknowledge(after, through)) return;
    this.#acknowledged = true;
    this.#commit([]);
  }

  alarm(): void {
    this.alarmAt = null;
    this.#load();
    this.#armedAt = null;
    this.#commit([]);
    this.#memory?.sender.publish(this.number);
    this.#arm();
  }

  /** The state as the journal alone tells it. */
  replayed(): SkuState {
    const state = emptyState(this.#readChunk);
    replay(state, this.#happenedAfter(0));
    return state;
  }

  readonly #readChunk = (chunk: number): string => {
    const known = this.#chunks[chunk];
    if (!known) throw new Error(`there is no chunk ${chunk}`);
    return known.body;
  };

  *#happenedAfter(seq: number): Generator<Happened> {
    for (const { seq: row, at, events } of this.journal.after(seq))
      yield { at, events, archived: this.#chunks.filter((chunk) => chunk.seq === row) };
  }

  #load(): Memory {
    if (this.#memory) return this.#memory;
    const { journal } = this;
    const { state, snapshots } = journal.isText
      ? this.#restored()
      : { state: (this.#committed ??= emptyState(this.#readChunk)), snapshots: null };
    const outbox = new SkewedOutbox(
      this.#published,
      journal.length,
      this.#host.now(),
      state.offers,
      (after, through, limit) => journal.read(after, Math.min(through, after + limit)),
    );
    outbox.skewMs = this.#host.skewMs;
    const memory: Memory = {
      state,
      outbox,
      snapshots,
      isAlive: true,
      sender: this.#host.sender(outbox, () => memory.isAlive),
    };
    this.#memory = memory;
    this.#armedAt = this.alarmAt;
    if (journal.length > 0) this.#host.restored(this.#snapshotSeq > 0, state);
    this.#arm();
    return memory;
  }

  /** From the disk: the last whole snapshot, and what has happened since. What a crash has left of another one is rubbish. */
  #restored(): { state: SkuState; snapshots: Snapshots } {
    const hashesOf = (upTo: number) => this.#chunks.slice(0, upTo).map(({ hashes }) => hashes);
    const from = this.#snapshotSeq;
    this.#pieces = this.#pieces.filter(({ seq }) => seq === from);
    const texts = this.#pieces.flatMap((piece) => piece.texts);
    const state = from > 0 ? thaw(texts, hashesOf, this.#readChunk) : emptyState(this.#readChunk);
    if (from > 0) advance(state, this.journal.atOf(from));
    let sinceSnapshot = 0;
    for (const happened of this.#happenedAfter(from)) {
      replay(state, [happened]);
      sinceSnapshot += happened.events.length;
    }
    return { state, snapshots: new Snapshots(state, sinceSnapshot, this.#snapshotPace) };
  }

  #settled(look?: Extract<SkuCommand, { type: "look" }>): SkuState {
    const { state } = this.#load();
    if (this.#isBehind()) this.#commit(look ? [look] : []);
    return state;
  }

  #isBehind(): boolean {
    const { state } = this.#load();
    const due = nextDueAt(state);
    return due !== null && due <= Math.max(state.now, this.#host.now());
  }

  #commit(commands: readonly SkuCommand[]): SkuAnswer[] {
    const { state, outbox, sender, snapshots } = this.#load();
    const now = this.#host.now();
    const { results, events, overdue, archived } = apply(state, commands, now, {
      archiving: this.#archiving,
    });
    if (commands.length > 0 || events.length > 0) this.#host.asked?.(commands, state.now);
    const piece = snapshots?.next();
    if (events.length > 0) {
      this.#host.committed(events, state.now);
      for (const row of this.journal.append(state.now, events, state.offers)) outbox.wrote(row, now);
    }
    for (const chunk of archived) this.#chunks.push({ ...chunk, seq: this.journal.length });
    if (piece) this.#keep(piece);
    snapshots?.happened(events.length);
    if (snapshots?.isDue(true)) snapshots.begin(this.journal.length);
    if (this.#acknowledged || piece?.isWhole) this.#published = Math.max(this.#published, outbox.cursor);
    this.#acknowledged = false;
    if (overdue.length > 0) this.#host.overdue(overdue);
    sender.addOverdue(overdue);
    this.#arm();
    return results;
  }

  #keep(piece: SnapshotPiece): void {
    this.#pieces.push(piece);
    if (!piece.isWhole) return;
    this.#snapshotSeq = piece.seq;
    this.#pieces = this.#pieces.filter(({ seq }) => seq === piece.seq);
  }

  #arm(): void {
    const memory = this.#memory;
    if (!memory) return;
    const wakeAt = Math.min(nextDueAt(memory.state) ?? Infinity, memory.outbox.dueAt() ?? Infinity);
    if (wakeAt === Infinity || (this.#armedAt !== null && this.#armedAt <= wakeAt)) return;
    this.#armedAt = Math.max(wakeAt, this.#host.now() + ALARM_GAP_MS);
    this.alarmAt = this.#armedAt;
    this.#host.alarm(this.#armedAt);
  }
}
