import { chunkOf, type Chunk, type Finished } from "./archive.ts";
import { disown, keyInMemory, unbindHome, unbindKey, unlink } from "./buyers.ts";
import { freezeHold } from "./frozen-hold.ts";
import type { Hold, Leaving, SkuState } from "./state.ts";

/** What is finished can be asked about again for this long: holds that ended, keys, tombstones. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 3_600_000;
/** The front of a queue is cut off only when it has grown this long, so that leaving costs no copying each time. */
const CUT_MIN = 1_024;

/** When what is finished leaves memory. */
export interface Archiving {
  /** Facts that leave together. As a row, 64 are some ten kilobytes, read and parsed in less than a tenth of a millisecond. */
  readonly chunkFacts: number;
  /** Finished facts that stay, some 15 MB: whoever asks again does so within minutes. */
  readonly finishedMax: number;
  /** Fewer stay for this long, ms, and then make room for what is alive. */
  readonly afterMs: number;
}
export const ARCHIVING: Archiving = { chunkFacts: 64, finishedMax: 20_000, afterMs: 3_600_000 };

/** Lets time pass: the clock moves, never back, and what nobody can ask about any more leaves memory. */
export function advance(state: SkuState, now: number): void {
  if (now > state.now) state.now = now;
  const leavesBefore = state.now - IDEMPOTENCY_WINDOW_MS;
  for (
    let item = state.leaving[state.left];
    item && item.at <= leavesBefore;
    item = state.leaving[state.left]
  ) {
    state.left++;
    const left = leave(state, item);
    if (left && "hold" in left && left.hold.state === "sold") unlink(left.hold);
  }
  for (const [key, { at }] of state.restocks) {
    if (at > leavesBefore) break;
    state.restocks.delete(key);
  }
  cut(state);
}

/** Where it was in the queue is free again. */
function cut(state: SkuState): void {
  if (state.left < CUT_MIN || state.left * 2 < state.leaving.length) return;
  state.leaving = state.leaving.slice(state.left);
  state.left = 0;
}

type Left =
  | { readonly hold: Hold; readonly fingerprint: string | null }
  | Extract<Finished, { buyer: string }>;

/** Takes it out of memory, unless it is not finished any more or has left already. A sold hold is still its buyer's. */
function leave(state: SkuState, item: Leaving): Left | null {
  return "key" in item ? leaveKey(state, item) : leaveHold(state, item);
}

function leaveKey(state: SkuState, { at, buyer, key }: Extract<Leaving, { key: string }>): Left | null {
  const entry = keyInMemory(state, buyer, key);
  if (entry?.at !== at) return null;
  // The key that an order was placed with here leaves with its hold.
  const hold = state.holds.get(entry.order);
  if (hold?.home?.key === key && hold.buyer === buyer) return null;
  unbindKey(state, buyer, key);
  return { buyer, entry };
}

function leaveHold(state: SkuState, { at, hold }: Extract<Leaving, { hold: Hold }>): Left | null {
  // Its stock may have been taken again since, and it may have ended twice within one millisecond.
  if (hold.endedAt !== at || state.holds.get(hold.order) !== hold) return null;
  state.witness?.seeHold(hold);
  state.holds.delete(hold.order);
  if (hold.state === "sold") state.soldAndGone += hold.quantity;
  return { hold, fingerprint: unbindHome(state, hold) };
}

/**
 * What has been finished for longest goes to the archive, when there is too much of it or it has been there for an hour. In steps:
 * never much more than this commit has finished itself.
 * @param events of this commit.
 */
export function archiveFinished(state: SkuState, events: number, archiving: Archiving): Chunk[] {
  const chunks: Chunk[] = [];
  const most = 1 + Math.ceil((2 * events) / archiving.chunkFacts);
  while (chunks.length < most && isCrowded(state, archiving)) {
    const facts = takeFinished(state, archiving.chunkFacts).map((left): Finished =>
      "entry" in left ? left : { ...left, hold: freezeHold(left.hold) },
    );
    if (facts.length === 0) break;
    const chunk = chunkOf(facts);
    state.archive.add(chunk.hashes);
    chunks.push(chunk);
  }
  return chunks;
}

function isCrowded({ leaving, left, now }: SkuState, archiving: Archiving): boolean {
  const { chunkFacts, finishedMax, afterMs } = archiving;
  const last = leaving[left + chunkFacts - 1];
  if (!last) return false;
  return leaving.length - left >= finishedMax + chunkFacts || last.at <= now - afterMs;
}

/** Takes so many facts out of memory, those first that have been finished for longest. */
export function takeFinished(state: SkuState, facts: number): Left[] {
  const taken: Left[] = [];
  for (let item = state.leaving[state.left]; item && taken.length < facts; item = state.leaving[state.left]) {
    state.left++;
    const left = leave(state, item);
    if (!left) continue;
    taken.push(left);
    if ("entry" in left || left.hold.state !== "sold") continue;
    state.soldAndArchived += left.hold.quantity;
    disown(state, left.hold);
  }
  cut(state);
  return taken;
}
