import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the long programmes found out, for the table in the README. Not kept in the repository: each run makes its own. */
const RESULTS = join(import.meta.dirname, "../../.proof");

/**
 * The long programmes in the order of the table and of their start. `cores`: how many each keeps busy; those that wait for a server
 * half of the time go two to a core, one that needs none has what the others leave of all cores, and one that says how soon a server
 * is back has them for itself but for that.
 */
export const PROGRAMMES = [
  { name: "sim", script: "sim", cores: 0 },
  { name: "crash", script: "crash", cores: 2 },
  { name: "fuzz", script: "fuzz", cores: 0.5 },
  { name: "races", script: "races", cores: 0.5 },
  { name: "mutants", script: "mutants", cores: 1 },
  { name: "states", script: "check:states", cores: 1 },
] as const;

export type Programme = (typeof PROGRAMMES)[number]["name"] | "proof";

/** A programme's end. `held` is what it shows in a few words, with its figures. */
export interface Proved {
  readonly held: string;
  readonly seconds: number;
  readonly passed: boolean;
  readonly day: string;
  readonly commit: string;
}

const fileOf = (programme: Programme): string => join(RESULTS, `${programme}.json`);

/** Writes down what a programme found once it ends: only its exit code says whether it passed. */
export function keep(programme: Programme, held: string, seconds: number): void {
  process.once("exit", (code) => write(programme, { held, seconds, passed: code === 0 }));
}

export function write(programme: Programme, found: Pick<Proved, "held" | "seconds" | "passed">): void {
  const proved: Proved = {
    ...found,
    seconds: Math.round(found.seconds),
    day: new Date().toISOString().slice(0, 10),
    commit: commitNow(),
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(fileOf(programme), `${JSON.stringify(proved, null, 2)}\n`);
}

export function kept(programme: Programme): Proved | null {
  const file = fileOf(programme);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Proved) : null;
}

/** What an earlier run found must not stand for one that breaks off. */
export const forget = (programme: Programme): void => rmSync(fileOf(programme), { force: true });

/** What programmes write themselves. */
const WRITTEN = [":!README.md", ":!test/mutants/RESULTS.md"];

/** What was run. Code that is in no commit is nobody's to look up, so that is said. */
function commitNow(): string {
  const git = (...args: string[]): string => spawnSync("git", args, { encoding: "utf8" }).stdout.trim();
  const changed = git("status", "--porcelain", "--", ".", ...WRITTEN) !== "";
  return `${git("rev-parse", "--short", "HEAD")}${changed ? " and changes" : ""}`;
}
