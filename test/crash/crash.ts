import { parseArgs } from "node:util";
import { chanceOf } from "../chance.ts";
import { keep } from "../proof/results.ts";
import { check, checkTheEnd } from "./check.ts";
import { Ledger } from "./ledger.ts";
import { BOUNDARIES, hasStrace, Victim } from "./victim.ts";

/**
 * `npm run crash -- --cycles 300 --boundaries 40 --seed 1`: kills the server in the middle of a sale, again and again, and looks
 * whether anything that anybody was told has been lost. Half of it at moments by chance, and where strace exists the rest at the
 * n-th write or sync of the process.
 */

const CLIENTS = 8;
/** A kill comes this long after the first press, at most. */
const LIFE_MS_MAX = 900;
/** How long a boundary may take to be reached; after that the cycle is like any other. */
const BOUNDARY_MS_MAX = 2_500;
/** From one boundary to the next, so that forty of them reach from the start of the server into the middle of the sale. */
const BOUNDARY_STEP = 11;

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "300" },
    boundaries: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
  },
});
const seed = Number(values.seed);
const boundaries = hasStrace() ? Number(values.boundaries) : 0;
const cycles = Number(values.cycles);
if (!hasStrace())
  console.log("strace is not here (apt-get install strace): kills at writes and syncs are left out");

const chance = chanceOf(seed);
const victim = await Victim.fresh();
const { client } = victim;
let ledger: Ledger | null = null;
let slowestReadMs = 0;
let acknowledged = 0;
let checked = 0;
const startedAt = Date.now();

/** Presses until the kill, which is ours or strace's. */
async function live(of: Ledger, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  const isOver = (): boolean => Date.now() > deadline || !victim.isAlive();
  const presses = Array.from({ length: CLIENTS }, () => of.press(isOver));
  while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 5));
  await victim.kill();
  await Promise.all(presses);
}

/** The first thing that was acknowledged before the kill, read as soon as the server is back. */
async function firstRead(of: Ledger): Promise<void> {
  const known = of.entries.findLast(({ order }) => order !== null);
  if (!known) return;
  const before = performance.now();
  await of.look(known);
  slowestReadMs = Math.max(slowestReadMs, performance.now() - before);
}

try {
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const at = cycle <= boundaries ? cycle * BOUNDARY_STEP : null;
    // Nothing is lost at a boundary of the check itself: it is done by a server that nobody will kill.
    await victim.start();
    if (ledger) {
      await firstRead(ledger);
      await check(client, ledger, checked, chance);
      checked = ledger.entries.length;
    } else {
      ledger = new Ledger(client, `crash-${seed}`, chance);
      await client.defineSale(ledger.sale, ledger.sku, { stock: 1_000_000, holdSeconds: 86_400 });
    }
    if (at !== null) {
      await victim.kill();
      const inject = `${BOUNDARIES}:signal=SIGKILL:when=${at}`;
      await victim.start([
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        `trace=${BOUNDARIES}`,
        "-e",
        `inject=${inject}`,
      ]);
    }
    await live(ledger, at === null ? chance() * LIFE_MS_MAX : BOUNDARY_MS_MAX);
    acknowledged = ledger.entries.filter(({ order }) => order !== null).length;
    const where = at === null ? "by chance" : `at write or sync ${at}`;
    console.log(
      `${cycle}/${cycles} killed ${where}: ${acknowledged} acknowledged, 0 lost, ${Math.round((Date.now() - startedAt) / 1_000)} s`,
    );
  }
  await victim.start();
  if (ledger) {
    await firstRead(ledger);
    await check(client, ledger, checked, chance);
    await checkTheEnd(client, ledger);
  }
} catch (cause) {
  console.error(`SEED=${seed}: ${String(cause)}`);
  process.exitCode = 1;
} finally {
  await victim.end();
}

const seconds = (Date.now() - startedAt) / 1_000;
const found = `${cycles} kills, ${acknowledged.toLocaleString("en")} acknowledged orders: ${process.exitCode === 1 ? "SOME LOST" : "none lost"}; the first read after a restart took at most ${Math.round(slowestReadMs)} ms`;
keep("crash", found, seconds);
console.log(found);
