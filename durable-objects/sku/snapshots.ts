import { Freezing, type Piece } from "./freezing.ts";
import type { SkuState } from "./state.ts";

/** Events after which a snapshot is worth it: replaying so many takes start-up a tenth of a second. */
const SNAPSHOT_EVENTS = 20_000;
/** Events after which a rush pays for one: what a start has to replay, a quarter of a million and not a million. */
const SNAPSHOT_EVENTS_MAX = 250_000;
/** Buyers and holds that one commit writes down: a millisecond or two. */
const PIECE_ITEMS = 500;

/** How often, and in how large pieces. */
export interface SnapshotPace {
  readonly events: number;
  readonly eventsMax: number;
  readonly items: number;
}
const PACE: SnapshotPace = {
  events: SNAPSHOT_EVENTS,
  eventsMax: SNAPSHOT_EVENTS_MAX,
  items: PIECE_ITEMS,
};

/**
 * When to make a snapshot, and the one that is being made. It is due only after as many events as there are holds: each event
 * then pays for one hold, however many there are.
 */
export class Snapshots {
  readonly #state: SkuState;
  readonly #pace: SnapshotPace;
  /** Events after the row that the last one is of. */
  #since: number;
  #making: { readonly seq: number; readonly freezing: Freezing } | null = null;

  constructor(state: SkuState, since: number, pace = PACE) {
    this.#state = state;
    this.#since = since;
    this.#pace = pace;
  }

  get isMaking(): boolean {
    return this.#making !== null;
  }

  /** @param quiet whether nobody is there to pay for it. */
  isDue(quiet: boolean): boolean {
    const { events, eventsMax } = this.#pace;
    return !this.#making && this.#since >= Math.max(quiet ? events : eventsMax, this.#state.holds.size);
  }

  /** Begins one of the state as it is now, which is that of this row of the journal. */
  begin(seq: number): void {
    this.#making = { seq, freezing: new Freezing(this.#state) };
    this.#since = 0;
  }

  happened(events: number): void {
    this.#since += events;
  }

  /** What is to be stored of it next. */
  next(): SnapshotPiece | null {
    if (!this.#making) return null;
    const { seq, freezing } = this.#making;
    const piece = freezing.next(this.#pace.items);
    if (piece.isWhole) this.#making = null;
    return { seq, ...piece };
  }
}

/** A piece of the snapshot of a row. */
export type SnapshotPiece = Piece & { readonly seq: number };
