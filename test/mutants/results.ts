import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { MUTANTS } from "./catalogue.ts";
import type { Mutant } from "./mutant.ts";

const FILE = join(import.meta.dirname, "RESULTS.md");

export interface Found {
  /** The test that noticed; null when none did. */
  readonly by: string | null;
  readonly seconds: number;
}

/** Every mistake, what noticed it and how long that took, as a table for people. */
export function writeResults(found: ReadonlyMap<Mutant, Found>): void {
  const rows = MUTANTS.flatMap((mutant) => {
    const one = found.get(mutant);
    if (!one) return [];
    const { harm, file, without } = mutant;
    const mistake = without ? `${harm} (with this off: ${without.mechanism})` : harm;
    return [`| ${mistake} | ${file} | ${one.by ?? "**nothing**"} | ${one.seconds.toFixed(1)} |`];
  });
  const head = ["| mistake | in | noticed by | after, s |", "|---|---|---|---|"];
  const text = ["# Mistakes made on purpose", "", "Written by `npm run mutants`.", "", ...head, ...rows, ""];
  writeFileSync(FILE, text.join("\n"));
}
