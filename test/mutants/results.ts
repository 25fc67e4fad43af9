import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MUTANTS } from "./catalogue.ts";
import type { Mutant } from "./mutant.ts";

const FILE = join(import.meta.dirname, "RESULTS.md");

export interface Found {
  /** The test that noticed; null when none did. */
  readonly by: string | null;
  readonly seconds: number;
}

/** A test by its file and its full name. */
export interface Test {
  readonly file: string;
  readonly name: string;
}

/** What is said of a mistake that is made with another mechanism off. */
const mistakeOf = ({ harm, without }: Mutant): string =>
  without ? `${harm} (with this off: ${without.mechanism})` : harm;

/** Which test noticed a mistake the last time, if that is known. */
export function readNoticed(): (mutant: Mutant) => Test | null {
  const rows = existsSync(FILE) ? readFileSync(FILE, "utf8").split("\n") : [];
  const noticed = new Map(
    rows.map((row) => {
      const [, mistake = "", , by = ""] = row.split("|").map((cell) => cell.trim());
      return [mistake, /^(?<file>test\/\S+\.ts): (?<name>.+)$/.exec(by)?.groups as Test | undefined];
    }),
  );
  return (mutant) => noticed.get(mistakeOf(mutant)) ?? null;
}

/** Every mistake, what noticed it and how long that took, as a table for people. */
export function writeResults(found: ReadonlyMap<Mutant, Found>): void {
  const rows = MUTANTS.flatMap((mutant) => {
    const one = found.get(mutant);
    if (!one) return [];
    return [
      `| ${mistakeOf(mutant)} | ${mutant.file} | ${one.by ?? "**nothing**"} | ${one.seconds.toFixed(1)} |`,
    ];
  });
  const head = ["| mistake | in | noticed by | after, s |", "|---|---|---|---|"];
  const text = ["# Mistakes made on purpose", "", "Written by `npm run mutants`.", "", ...head, ...rows, ""];
  writeFileSync(FILE, text.join("\n"));
}
