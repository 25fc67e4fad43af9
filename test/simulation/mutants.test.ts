import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MUTANTS } from "../mutants/catalogue.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The short form of `npm run mutants`: the catalogue keeps up with the code it is about. */
test("every mistake of the catalogue is one that can still be made, in one place, and is another than the others", () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(40);
  for (const { file, was, is, harm } of MUTANTS) {
    const text = readFileSync(join(ROOT, file), "utf8");
    expect(text.split(was).length - 1, `${harm}: ${JSON.stringify(was)} in ${file}`).toBe(1);
    expect(is).not.toBe(was);
  }
  expect(new Set(MUTANTS.map(({ harm }) => harm)).size).toBe(MUTANTS.length);
  expect(new Set(MUTANTS.map(({ was, is }) => `${was}${is}`)).size).toBe(MUTANTS.length);
});
