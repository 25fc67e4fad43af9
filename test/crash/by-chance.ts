import { check, checkTheEnd } from "./check.ts";
import { Ledger } from "./ledger.ts";
import { verify } from "./receipt.ts";
import type { Victim } from "./victim.ts";

const CLIENTS = 8;
const GATES = 2;
/** A kill comes this long after the first press, at most. */
const LIFE_MS_MAX = 900;
/** Of so many restarts one is that of the whole command, as a user starts it; the others are those of the runtime alone. */
const SERVE_EVERY = 30;

/** How long it took from a restart until something that was acknowledged before the kill had been read, ms. */
export interface Reads {
  /** From the start of the runtime. */
  readonly runtime: number[];
  /** From the moment it said that it listens, by either start. */
  readonly ready: number[];
  /** From the start of `npm run serve`. */
  readonly serve: number[];
}

export interface ByChance {
  readonly acknowledged: number;
  readonly reads: Reads;
}

/** Kills the server at moments by chance, with clients at it who press, pay and give up. @throws with what was lost. */
export async function killByChance(
  victim: Victim,
  {
    cycles,
    sale,
    chance,
    tell,
  }: { cycles: number; sale: string; chance: () => number; tell: (line: string) => void },
): Promise<ByChance> {
  const { client } = victim;
  const ledger = new Ledger(client, sale, chance);
  const reads: Reads = { runtime: [], ready: [], serve: [] };
  let checked = 0;
  await victim.start();
  const facts = { stock: 1_000_000, holdSeconds: 86_400 };
  await client.defineSale(ledger.sale, ledger.sku, facts);
  for (let cycle = 1; cycle <= cycles; cycle++) {
    // From here on presses and payments go through gates, whose memory a kill takes as well.
    if (cycle === Math.ceil(cycles / 2))
      await client.defineSale(ledger.sale, ledger.sku, { ...facts, gates: GATES });
    await live(victim, ledger, chance() * LIFE_MS_MAX);
    await comeBack(victim, ledger, cycle % SERVE_EVERY === 0, reads);
    await check(client, ledger, checked, chance);
    checked = ledger.entries.length;
    tell(`${cycle}/${cycles} killed by chance, ${acknowledgedOf(ledger)} acknowledged, 0 lost`);
  }
  await checkTheEnd(client, ledger);
  await verify(client, ledger.sale);
  return { acknowledged: acknowledgedOf(ledger), reads };
}

const acknowledgedOf = ({ entries }: Ledger): number => entries.filter(({ order }) => order !== null).length;

/** Presses until the kill. */
async function live(victim: Victim, ledger: Ledger, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  let isOver = false;
  const presses = Array.from({ length: CLIENTS }, () => ledger.press(() => isOver));
  while (Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  // Nobody is told to stop before the kill: that they are in the middle of something is the point.
  await victim.kill();
  isOver = true;
  await Promise.all(presses);
}

/** Restarts it, and reads at once the last that was acknowledged before the kill. */
async function comeBack(victim: Victim, ledger: Ledger, asItsUserDoes: boolean, reads: Reads): Promise<void> {
  const startedAt = performance.now();
  await (asItsUserDoes ? victim.serve() : victim.start());
  const readyAt = performance.now();
  const known = ledger.entries.findLast(({ order }) => order !== null);
  if (!known) return;
  await ledger.look(known);
  const now = performance.now();
  reads.ready.push(now - readyAt);
  reads[asItsUserDoes ? "serve" : "runtime"].push(now - startedAt);
}
