import type { SkuAnswer, SkuAnswers, SkuCommand } from "../../durable-objects/sku/commands.ts";
import type { Chunk } from "../../durable-objects/sku/archive.ts";
import { replay, type Happened } from "../../durable-objects/sku/evolve.ts";
import { advance } from "../../durable-objects/sku/leaving.ts";
import { holdOf } from "../../durable-objects/sku/recall.ts";
import { bodiesOf, eventsOf, rowOf, type Row } from "../../durable-objects/sku/journal-text.ts";
import { nextDueAt } from "../../durable-objects/sku/deadlines.ts";
import { apply } from "../../durable-objects/sku/machine.ts";
import { Outbox } from "../../durable-objects/sku/outbox.ts";
import { Publisher } from "../../durable-objects/sku/publisher.ts";
import { thaw } from "../../durable-objects/sku/snapshot.ts";
import { Snapshots, type SnapshotPace, type SnapshotPiece } from "../../durable-objects/sku/snapshots.ts";
import { emptyState, type SkuState } from "../../durable-objects/sku/state.ts";
import { soldOutViewOf, viewOf, viewOfHold } from "../../durable-objects/sku/views.ts";
import type { OrderId, SkuNumber } from "../../schema/ids.ts";
import type { HoldView, SkuEvent, SkuView, StockMove } from "../../schema/sku.ts";
import type { SoldOut } from "../../schema/sold-out.ts";

const ALARM_GAP_MS = 100;
/** So few that a snapshot is still in the making when much else happens. */
const PIECE_ITEMS = 3;

export interface SkuHost {
  now(): number;
  /** What this object's clock shows more than the world's. */
  readonly skewMs: number;
  alarm(at: number): void;
  queues(): Pick<Env, "ORDER_EVENTS" | "EFFECTS">;
  /** What a commit was asked to do: nothing when only time passed. */
  asked(commands: readonly SkuCommand[], at: number): void;
  committed(events: readonly SkuEvent[], at: number): void;
  overdue(moves: readonly StockMove[]): void;
  restored(fromSnapshot: boolean, state: SkuState): void;
}

/** The publisher asks the world's clock what to send, this outbox lives by its object's. */
class SkewedOutbox extends Outbox {
  skewMs = 0;

  override take(now: number) {
    return super.take(now + this.skewMs);
  }
}

interface Memory {
  readonly state: SkuState;
  readonly outbox: SkewedOutbox;
  readonly publisher: Publisher;
  readonly snapshots: Snapshots;
  isAlive: boolean;
}

/** A SkuActor without a runtime: machine, journal, snapshots, outbox and publisher are the real ones; its disk is an array. */
export class SkuObject {
  readonly number: SkuNumber;
  readonly rows: { seq: number; at: number; body: string }[] = [];
  alarmAt: number | null = null;
  /** What has left memory, and after which row. */
  readonly #chunks: (Chunk & { seq: number })[] = [];
  readonly #host: SkuHost;
  readonly #snapshotPace: SnapshotPace;
  /** Pieces of snapshots, and which of them is whole and in force. */
  #pieces: SnapshotPiece[] = [];
  #snapshotSeq = 0;
  #published = 0;
  #memory: Memory | null = null;
  #acknowledged = false;
  #armedAt: number | null = null;

  /** @param snapshotEvents events after which a snapshot is made: far fewer than in a real sale, so that there are some. */
  constructor(number: SkuNumber, snapshotEvents: number, host: SkuHost) {
    this.number = number;
    this.#snapshotPace = { events: snapshotEvents, eventsMax: snapshotEvents, items: PIECE_ITEMS };
    this.#host = host;
  }

  get state(): SkuState {
    return this.#load().state;
  }

  /** Rows that D1 has not acknowledged. */
  get unpublished(): number {
    return this.rows.length - this.#load().outbox.cursor;
  }

  crash(): void {
    if (this.#memory) this.#memory.isAlive = false;
    this.#memory = null;
    this.#acknowledged = false;
  }

  flush(): void {
    const memory = this.#memory;
    if (memory?.publisher.hasNews) void memory.publisher.publish(this.number);
  }

  ask<C extends SkuCommand>(command: C): SkuAnswers[C["type"]] {
    return this.#commit([command])[0] as SkuAnswers[C["type"]];
  }

  askAll(commands: readonly SkuCommand[]): SkuAnswer[] {
    return this.#commit(commands);
  }

  find(order: OrderId): HoldView | null {
    const state = this.#settled({ type: "look", order });
    const hold = holdOf(state, order);
    return hold ? viewOfHold(state.offers, hold) : null;
  }

  view(): SkuView | null {
    const state = this.#settled();
    return state.config && viewOf(state, state.config, this.rows.length, false);
  }

  soldOut(): SoldOut | null {
    return soldOutViewOf(this.#settled(), this.rows.length);
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
    void this.#memory?.publisher.publish(this.number);
    this.#arm();
  }

  /** The state as the journal alone tells it. */
  replayed(): SkuState {
    const state = emptyState(this.#readChunk);
    replay(
      state,
      this.rows.map((row) => this.#happened(row)),
    );
    return state;
  }

  readonly #readChunk = (chunk: number): string => {
    const known = this.#chunks[chunk];
    if (!known) throw new Error(`there is no chunk ${chunk}`);
    return known.body;
  };

  #happened({ seq, at, body }: { seq: number; at: number; body: string }): Happened {
    return { at, events: eventsOf(body), archived: this.#chunks.filter((chunk) => chunk.seq === seq) };
  }

  #load(): Memory {
    if (this.#memory) return this.#memory;
    const hashesOf = (upTo: number) => this.#chunks.slice(0, upTo).map(({ hashes }) => hashes);
    const from = this.#snapshotSeq;
    // What a crash has left of another one is rubbish.
    this.#pieces = this.#pieces.filter(({ seq }) => seq === from);
    const texts = this.#pieces.flatMap((piece) => piece.texts);
    const state = from > 0 ? thaw(texts, hashesOf, this.#readChunk) : emptyState(this.#readChunk);
    if (from > 0) advance(state, this.rows[from - 1]?.at ?? 0);
    let sinceSnapshot = 0;
    for (let index = from; index < this.rows.length; index++) {
      const happened = this.#happened(this.rows[index] as (typeof this.rows)[number]);
      replay(state, [happened]);
      sinceSnapshot += happened.events.length;
    }
    const read = (after: number, through: number, limit: number): Row[] =>
      this.rows.slice(after, Math.min(through, after + limit)).map(rowOf);
    const outbox = new SkewedOutbox(this.#published, this.rows.length, this.#host.now(), state.offers, read);
    outbox.skewMs = this.#host.skewMs;
    const memory: Memory = {
      state,
      outbox,
      snapshots: new Snapshots(state, sinceSnapshot, this.#snapshotPace),
      isAlive: true,
      publisher: new Publisher(() => {
        if (!memory.isAlive) throw new Error("this instance has died");
        return this.#host.queues();
      }, outbox),
    };
    this.#memory = memory;
    this.#armedAt = this.alarmAt;
    if (this.rows.length > 0) this.#host.restored(from > 0, state);
    this.#arm();
    return memory;
  }

  #settled(look?: Extract<SkuCommand, { type: "look" }>): SkuState {
    const { state } = this.#load();
    const due = nextDueAt(state);
    if (due !== null && due <= Math.max(state.now, this.#host.now())) this.#commit(look ? [look] : []);
    return state;
  }

  #commit(commands: readonly SkuCommand[]): SkuAnswer[] {
    const { state, outbox, publisher, snapshots } = this.#load();
    const { results, events, overdue, archived } = apply(state, commands, this.#host.now());
    if (commands.length > 0 || events.length > 0) this.#host.asked(commands, state.now);
    if (events.length > 0) this.#host.committed(events, state.now);
    const piece = snapshots.next();
    for (const { json, ...body } of bodiesOf(events, state.offers)) {
      const seq = this.rows.length + 1;
      this.rows.push({ seq, at: state.now, body: json });
      outbox.wrote({ seq, at: state.now, ...body }, this.#host.now());
    }
    for (const chunk of archived) this.#chunks.push({ ...chunk, seq: this.rows.length });
    if (piece) this.#keep(piece);
    snapshots.happened(events.length);
    if (snapshots.isDue(true)) snapshots.begin(this.rows.length);
    if (this.#acknowledged || piece?.isWhole) this.#published = Math.max(this.#published, outbox.cursor);
    this.#acknowledged = false;
    if (overdue.length > 0) this.#host.overdue(overdue);
    publisher.addOverdue(overdue);
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
