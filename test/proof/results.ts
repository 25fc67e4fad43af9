import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the long programmes found out, for the table in the README. Not kept in the repository: each run makes its own. */
const RESULTS = join(import.meta.dirname, "../../.proof");

export const PROGRAMMES = ["states", "mutants", "crash", "fuzz"] as const;
export type Programme = (typeof PROGRAMMES)[number];

/** A programme's end. `held` is what it shows in a few words, with its figures. */
export interface Proved {
  readonly held: string;
  readonly seconds: number;
  readonly day: string;
  readonly commit: string;
}

export function keep(programme: Programme, held: string, seconds: number): void {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
  const proved: Proved = {
    held,
    seconds: Math.round(seconds),
    day: new Date().toISOString().slice(0, 10),
    commit,
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${programme}.json`), `${JSON.stringify(proved, null, 2)}\n`);
}

export function kept(programme: Programme): Proved | null {
  const file = join(RESULTS, `${programme}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Proved) : null;
}
