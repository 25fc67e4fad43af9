import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROGRAMMES, type Proved } from "../proof/results.ts";
import { withTable } from "../proof/table.ts";

const ROOT = join(import.meta.dirname, "../..");
const proved: Proved = { held: "300 kills", seconds: 9, passed: true, day: "2026-11-25", commit: "abc1234" };
const readme = [
  "before <!-- proof -->",
  "| `npm run crash` | old kills | 1 s | then |",
  "| `npm run mutants` | old mistakes | 1 s | then |",
  "<!-- /proof --> after",
].join("\n");

test("every long programme is a command that there is", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const { script } of PROGRAMMES) expect(Object.keys(scripts)).toContain(script);
});

test("the table says what was found now, keeps what was found before, and hides no failure", () => {
  const found: Record<string, Proved> = {
    crash: proved,
    fuzz: { ...proved, held: "3 leaks", passed: false },
  };
  const text = withTable(readme, (name) => found[name] ?? null);
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  expect(rows).toEqual([
    "| `npm run crash` | 300 kills | 9 s | 2026-11-25, abc1234 |",
    "| `npm run fuzz` | **FAILED** 3 leaks | 9 s | 2026-11-25, abc1234 |",
    "| `npm run mutants` | old mistakes | 1 s | then |",
  ]);
  expect(text).toMatch(/^before <!-- proof -->[^]*<!-- \/proof --> after$/);
  expect(withTable(text, (name) => found[name] ?? null)).toBe(text);
});

test("a README without a place for the table is not written over", () => {
  expect(() => withTable("no place", () => null)).toThrow("README.md has no");
});
