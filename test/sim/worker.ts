import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { EVERYTHING, live } from "./sale.ts";
import { Tally, type Counted } from "./tally.ts";
import type { Depths } from "./weather.ts";

/** One thread of `npm run sim`: every so many-th seed, until somebody stops it or a law is broken. */

export interface Task {
  readonly from: number;
  readonly step: number;
  readonly depths: Depths;
  /** Not zero when it is enough. */
  readonly stop: Int32Array;
}

export type News = { type: "lived"; tally: Counted } | { type: "broken"; seed: number; law: string };

/** Worlds between two words to the main thread. */
const WORLDS_A_WORD = 20;
/** One world of so many is lived twice and must end alike. */
const TWICE_EVERY = 110;

const { from, step, depths, stop } = workerData as Task;

async function work(): Promise<void> {
  let tally = new Tally();
  for (let seed = from; Atomics.load(stop, 0) === 0; seed += step) {
    const lived = await live(seed, EVERYTHING, depths);
    tally.add(lived);
    // Without a turn of its own the engine would keep everything that was ever alive in this one.
    await setImmediate();
    const isTwice = seed % TWICE_EVERY === 0;
    const again = isTwice ? await live(seed, EVERYTHING, depths) : lived;
    const law = again.digest === lived.digest ? lived.violation : "the same seed ended differently";
    if (law !== null) return tell({ type: "broken", seed, law });
    if (tally.worlds < WORLDS_A_WORD) continue;
    tell({ type: "lived", tally });
    tally = new Tally();
  }
}

function tell(news: News): void {
  parentPort?.postMessage(news, []);
}

await work();
