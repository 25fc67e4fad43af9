import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** One of the things that are measured side by side. */
export interface Contender {
  readonly name: string;
  /** Does the same work once more. Answers with operations a second. */
  readonly measure: () => Promise<number>;
}

/** What a scenario has to say: a text that tells how it was measured, and a table. */
export interface Section {
  readonly title: string;
  readonly text: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly end?: string;
}

export interface Scenario {
  readonly name: string;
  run(): Promise<Section>;
}

export interface Compared {
  readonly name: string;
  readonly rate: number;
  /** The first contender's rate divided by this one's, the median of all rounds. */
  readonly ratio: number;
}

/** So much of all cores may be busy while the machine is at rest, and for so long. One that never is, is not waited for. */
const REST_SHARE = 0.1;
const REST_MS = 2_000;
const REST_MS_MAX = 30_000;
const LOOK_MS = 250;

/** What one contender has left to do, a snapshot, a copy, a log to rewrite, is not at the next one's cost. */
async function untilAtRest(): Promise<void> {
  const deadline = performance.now() + REST_MS_MAX;
  let busyAt = performance.now();
  let before = coresNow();
  while (performance.now() < deadline && performance.now() - busyAt < REST_MS) {
    await sleep(LOOK_MS);
    const now = coresNow();
    if ((now.busy - before.busy) / (now.all - before.all) > REST_SHARE) busyAt = performance.now();
    before = now;
  }
}

/** Time that all cores have had together, and have worked. */
function coresNow(): { all: number; busy: number } {
  let [all, idle] = [0, 0];
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.irq + times.idle;
    idle += times.idle;
  }
  return { all, busy: all - idle };
}

/**
 * Measures contenders in turn, round after round, each on a machine at rest. Whatever the machine does besides it does to all of
 * them. The first round warms up and does not count.
 */
export async function inTurn(contenders: readonly Contender[], rounds: number): Promise<Compared[]> {
  const rates: number[][] = contenders.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { measure }] of contenders.entries()) {
      await untilAtRest();
      const rate = await measure();
      if (round > 0) rates[index]?.push(rate);
    }
    if (round > 0)
      progress(`round ${round} of ${rounds}: ${rates.map((of) => perSecond(of.at(-1) ?? 0)).join(", ")}`);
  }
  const [first = []] = rates;
  return contenders.map(({ name }, index) => {
    const of = rates[index] ?? [];
    return { name, rate: median(of), ratio: median(of.map((rate, round) => (first[round] ?? 0) / rate)) };
  });
}

/** Who is faster than the first, by how much and why; empty where nobody is. */
export function fasterOnes(compared: readonly Compared[], why: (name: string) => string): string {
  const lines = compared
    .filter(({ ratio }) => ratio < 1)
    .map(({ name, ratio }) => `- **${name} is ${(1 / ratio).toFixed(2)} times as fast.** ${why(name)}`);
  return lines.length === 0 ? "" : ["Faster than we are:", "", ...lines].join("\n");
}

export function progress(text: string): void {
  console.log(`  ${text}`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString("en")}/s`;

/** A section as Markdown. */
export function markdownOf({ title, text, head, rows, end }: Section): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [`## ${title}`, text, lines.join("\n"), ...(end ? [end] : [])].join("\n\n");
}

/** Where, when and of what a run was made. */
export function provenance(command: string): string {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown"}`;
  const day = new Date().toISOString().slice(0, 10);
  return `Made by \`${command}\` on ${day}, commit ${commit}; ${machine}, Node ${process.version}, everything on this one machine over loopback.`;
}
