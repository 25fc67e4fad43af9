import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { keep } from "../proof/results.ts";
import { textOf } from "./faults.ts";
import { EVERYTHING, live } from "./sale.ts";
import { shorten } from "./shorten.ts";
import { neverSeen, SOMETIMES, type Sometimes } from "./sometimes.ts";
import { Tally } from "./tally.ts";
import { USUAL, type Depths } from "./weather.ts";
import type { News, Task } from "./worker.ts";

/**
 * `npm run sim -- --orders 10000000 --workers 2 --from 1`: sales on a virtual clock, each from a seed, with everything going
 * wrong that can; then it stops going wrong, and every law must hold. `SEED=n npm run sim` lives one of them again.
 */

const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "10000000" },
    workers: { type: "string", default: String(Math.min(2, availableParallelism())) },
    from: { type: "string", default: "1" },
    "whole-every": { type: "string", default: String(USUAL.wholeEvery) },
    "sql-every": { type: "string", default: String(USUAL.sqlEvery) },
  },
});
const ordersMax = Number(values.orders);
const workers = Number(values.workers);
const from = Number(values.from);
const depths: Depths = {
  wholeEvery: Number(values["whole-every"]),
  sqlEvery: Number(values["sql-every"]),
};
const ARGUMENTS = `--whole-every ${depths.wholeEvery} --sql-every ${depths.sqlEvery}`;
const SHOW_MS = process.stdout.isTTY ? 500 : 10_000;
/** Room for a whole world, so that it is gone before anybody looks for what is still needed of it. */
const YOUNG_MB = 64;
const YEAR_MS = 365 * 24 * 3_600_000;

const startedAt = performance.now();
const seconds = (): number => (performance.now() - startedAt) / 1_000;
const whole = (count: number): string => Math.round(count).toLocaleString("en");

const only = process.env["SEED"];
process.exit(await (only ? one(Number(only)) : all()));

/** One world, twice: what happened in it, and that it is the same again. */
async function one(seed: number): Promise<number> {
  const first = await live(seed, EVERYTHING, depths);
  const second = await live(seed, EVERYTHING, depths);
  const { depth, orders, buyers, events, virtualMs, digest, violation, injected } = first;
  console.log(
    `SEED=${seed}, a ${depth} world: ${orders} orders of ${buyers} buyers, ${injected.length} faults, ${events} events in ${Math.round(virtualMs / 1_000)} virtual seconds; it ends as ${digest}, and again as ${second.digest}`,
  );
  if (violation !== null) await report(seed, violation);
  return violation === null && digest === second.digest ? 0 : 1;
}

async function all(): Promise<number> {
  const tally = new Tally();
  const stop = new Int32Array(new SharedArrayBuffer(4));
  let broken: Extract<News, { type: "broken" }> | null = null;
  const threads = Array.from({ length: workers }, (_, index) => {
    const task: Task = { from: from + index, step: workers, depths, stop };
    const thread = new Worker(new URL("worker.ts", import.meta.url), {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    thread.on("message", (news: News) => {
      if (news.type === "lived") tally.merge(news.tally);
      else broken ??= news;
      if (news.type === "broken" || tally.orders >= ordersMax) Atomics.store(stop, 0, 1);
    });
    return new Promise<void>((resolve, reject) => {
      thread.on("exit", () => resolve());
      thread.on("error", reject);
    });
  });
  const showing = setInterval(() => show(tally), SHOW_MS);
  await Promise.all(threads);
  clearInterval(showing);
  show(tally);
  return end(tally, broken);
}

async function end(tally: Tally, broken: { seed: number; law: string } | null): Promise<number> {
  console.log();
  if (broken) {
    await report(broken.seed, broken.law);
    return 1;
  }
  for (const [fault, count] of Object.entries(tally.faults).toSorted((a, b) => b[1] - a[1]))
    console.log(`  ${fault.padEnd(26)}${whole(count).padStart(12)}`);
  for (const what of Object.keys(SOMETIMES) as Sometimes[])
    console.log(`  ${SOMETIMES[what].padEnd(62)}${whole(tally.seen[what] ?? 0).padStart(12)}`);
  const missing = neverSeen(new Map(Object.entries(tally.seen)));
  for (const what of missing) console.error(`never seen: ${what}`);
  const years = (tally.virtualMs / YEAR_MS).toFixed(1);
  const { whole: deep, light } = tally.depths;
  const lived = `${whole(tally.orders)} orders in ${whole(tally.worlds)} sales (${whole(deep.orders)} through the Worker's own code, ${whole(light.orders)} light)`;
  const held = `${lived}, ${whole(tally.faultCount)} faults, ${years} virtual years: no law broken, ${Object.keys(SOMETIMES).length - missing.length} of ${Object.keys(SOMETIMES).length} rare situations seen`;
  console.log(`\n${held}, ${whole(seconds())} s.`);
  keep("sim", held, seconds());
  return missing.length === 0 ? 0 : 1;
}

function show({ orders, worlds, faultCount }: Tally): void {
  const share = Math.min(1, orders / ordersMax);
  const bar = "█".repeat(Math.floor(share * 24)).padEnd(24, "░");
  const rate = whole(orders / seconds());
  const line = `${bar} ${whole(orders)} orders in ${whole(worlds)} sales, ${whole(faultCount)} faults, ${rate} orders a second, ${whole(seconds())} s`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(110)}`);
  else console.log(line);
}

async function report(seed: number, law: string): Promise<void> {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
  console.error(
    `VIOLATION: ${law}\nSEED=${seed} npm run sim -- ${ARGUMENTS} lives it again, at ${commit}. What is needed for it:`,
  );
  const { choice, injected, violation } = await shorten(seed, depths);
  console.error(`  ${choice.buyers?.size ?? "all"} buyers: ${[...(choice.buyers ?? [])].join(", ")}`);
  for (const fault of injected) console.error(`  ${textOf(fault)}`);
  console.error(`  ${violation}`);
}
