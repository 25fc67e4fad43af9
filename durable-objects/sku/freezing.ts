import { assert } from "../../schema/result.ts";
import type { Buyer } from "./buyers.ts";
import { assertAddsUp } from "./conservation.ts";
import { freezeHold } from "./frozen-hold.ts";
import { freezeBuyer, type FrozenLeaving, type Head } from "./snapshot.ts";
import { isLive, type Hold, type Leaving, type RestockEntry, type SkuState, type Witness } from "./state.ts";

/** Characters of one chunk: under 1 MB in UTF-8 whatever the alphabet, where a row of the platform takes 2 MB. */
const CHUNK_CHARS_MAX = 300_000;

type Kind = "buyers" | "holds" | "leaving" | "restocks";

/** A piece of a snapshot: chunks that are full, or, with the last piece, all that are left. */
export interface Piece {
  readonly texts: readonly string[];
  readonly isWhole: boolean;
}

/**
 * A snapshot in the making: a state as it is when this begins, written down in pieces while the state goes on. Whatever changes
 * before its turn is written down first: see `Witness`. States that came to be alike give equal texts, if nothing changes meanwhile.
 */
export class Freezing implements Witness {
  readonly #state: SkuState;
  readonly #head: Head;
  readonly #buyers: Iterator<Buyer>;
  readonly #holds: Iterator<Hold>;
  readonly #leaving: readonly Leaving[];
  readonly #restocks: readonly [string, RestockEntry][];
  #leavingAt: number;
  readonly #leavingEnd: number;
  /** Those that were there when this began and are not written down yet. */
  #buyersLeft: number;
  #holdsLeft: number;
  readonly #counted: { held: number; sold: number; units: number };
  readonly #open = new Map<Kind, string>();
  #texts: string[];

  constructor(state: SkuState) {
    assert(state.witness === null, "one snapshot is made at a time");
    this.#state = state;
    this.#head = headOf(state);
    this.#buyers = state.buyers.values();
    this.#holds = state.holds.values();
    this.#leaving = state.leaving;
    this.#restocks = [...state.restocks];
    this.#leavingAt = state.left;
    this.#leavingEnd = state.leaving.length;
    this.#buyersLeft = state.buyers.size;
    this.#holdsLeft = state.holds.size;
    this.#counted = { held: 0, sold: state.soldAndGone, units: 0 };
    this.#texts = [JSON.stringify({ head: this.#head })];
    state.epoch++;
    state.witness = this;
  }

  seeHold(hold: Hold): void {
    if (hold.epoch === this.#state.epoch) return;
    hold.epoch = this.#state.epoch;
    this.#holdsLeft--;
    if (isLive(hold)) this.#counted.held += hold.quantity;
    else if (hold.state === "sold") this.#counted.sold += hold.quantity;
    this.#add("holds", freezeHold(hold));
  }

  seeBuyer(buyer: Buyer): void {
    if (buyer.epoch === this.#state.epoch) return;
    buyer.epoch = this.#state.epoch;
    this.#buyersLeft--;
    this.#counted.units += buyer.units;
    this.#add("buyers", freezeBuyer(buyer));
  }

  /** Writes down so many more, and answers with what is ready to be stored. What is whole has been counted again. */
  next(items: number): Piece {
    let left = items;
    for (; left > 0 && this.#buyersLeft > 0; left--) this.seeBuyer(nextOf(this.#buyers));
    for (; left > 0 && this.#holdsLeft > 0; left--) this.seeHold(nextOf(this.#holds));
    if (left > 0) {
      // What leaves speaks of holds: whoever reads it must know all of them by then.
      this.#close("buyers");
      this.#close("holds");
      for (; left > 0 && this.#leavingAt < this.#leavingEnd; left--) this.#seeNextLeaving();
    }
    const isWhole = left > 0;
    if (isWhole) this.#end();
    const texts = this.#texts;
    this.#texts = [];
    return { texts, isWhole };
  }

  /** What still leaves, as far as memory knew what it speaks of: then it has been seen by now. */
  #seeNextLeaving(): void {
    const item = this.#leaving[this.#leavingAt++] as Leaving;
    if ("key" in item) this.#add("leaving", [item.at, item.buyer, item.key] satisfies FrozenLeaving);
    else if (item.hold.epoch === this.#state.epoch)
      this.#add("leaving", [item.at, item.hold.order] satisfies FrozenLeaving);
  }

  #end(): void {
    assertAddsUp(this.#counted, this.#head);
    for (const entry of this.#restocks) this.#add("restocks", entry);
    for (const kind of this.#open.keys()) this.#close(kind);
    this.#state.witness = null;
  }

  #add(kind: Kind, item: unknown): void {
    const frozen = JSON.stringify(item);
    const text = this.#open.get(kind);
    if (text !== undefined && text.length + frozen.length <= CHUNK_CHARS_MAX) {
      this.#open.set(kind, `${text},${frozen}`);
      return;
    }
    this.#close(kind);
    this.#open.set(kind, frozen);
  }

  #close(kind: Kind): void {
    const text = this.#open.get(kind);
    if (text !== undefined) this.#texts.push(`{"${kind}":[${text}]}`);
    this.#open.delete(kind);
  }
}

function headOf(state: SkuState): Head {
  const { now, offers, initial, restocked, available, held, sold, soldAndGone, soldAndArchived } = state;
  const counters = { initial, restocked, available, held, sold, soldAndGone, soldAndArchived };
  return { now, offers: [...offers], ...counters, chunks: state.archive.chunks };
}

/** Whoever was there when the walk began keeps their place in it, whatever is added meanwhile. */
function nextOf<T>(items: Iterator<T>): T {
  const { value, done } = items.next();
  assert(!done, "all that a snapshot is of is there, or was seen before it left");
  return value;
}
