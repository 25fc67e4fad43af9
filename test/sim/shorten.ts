import { EVERYTHING, live, type Choice, type Lived } from "./sale.ts";
import type { Depths } from "./weather.ts";

/** Worlds that are lived through to shorten one schedule. */
const TRIES_MAX = 600;

export interface Shortened extends Lived {
  readonly choice: Choice;
}

/**
 * The least of a broken world that is still broken: delta debugging, first over its buyers, then over what went wrong, then over
 * the buyers again. What is left out changes nobody else's chance, so that the rest stays what it was.
 */
export async function shorten(seed: number, depths: Depths): Promise<Shortened> {
  let tries = 0;
  let best: Shortened = { ...(await live(seed, EVERYTHING, depths)), choice: EVERYTHING };
  const isBroken = async (choice: Choice): Promise<boolean> => {
    if (tries++ >= TRIES_MAX) return false;
    const lived = await live(seed, choice, depths);
    if (lived.violation !== null) best = { ...lived, choice };
    return lived.violation !== null;
  };
  const everybody = Array.from({ length: best.buyers }, (_, n) => n);
  const fewBuyers = (): Promise<number[]> =>
    least([...(best.choice.buyers ?? everybody)], (buyers) =>
      isBroken({ ...best.choice, buyers: new Set(buyers) }),
    );
  if (best.violation === null) return best;
  await fewBuyers();
  await least(
    best.injected.map(({ key }) => key),
    (faults) => isBroken({ ...best.choice, faults: new Set(faults) }),
  );
  await fewBuyers();
  return best;
}

/** Zeller's ddmin: a list of which no part of the tried sizes can be left out. */
async function least<T>(items: readonly T[], isBroken: (items: T[]) => Promise<boolean>): Promise<T[]> {
  let left = [...items];
  for (let parts = 2; left.length > 0;) {
    const size = Math.ceil(left.length / parts);
    let isShorter = false;
    for (let from = 0; from < left.length; from += size) {
      const rest = [...left.slice(0, from), ...left.slice(from + size)];
      if (!(await isBroken(rest))) continue;
      left = rest;
      isShorter = true;
      break;
    }
    if (isShorter) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return left;
}
