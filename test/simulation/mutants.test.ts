import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MUTANTS } from "../mutants/catalogue.ts";
import { editsOf } from "../mutants/mutant.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The short form of `npm run mutants`: the catalogue keeps up with the code it is about. */
test("every mistake of the catalogue is one that can still be made, in one place, and is another than the others", () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(75);
  const lost = MUTANTS.flatMap((mutant) =>
    editsOf(mutant)
      .filter(({ file, was }) => readFileSync(join(ROOT, file), "utf8").split(was).length !== 2)
      .map(({ file, was }) => `${mutant.harm}: ${file} has not exactly one ${JSON.stringify(was)}`),
  );
  expect(lost).toEqual([]);
  expect(MUTANTS.filter((mutant) => editsOf(mutant).some(({ was, is }) => was === is))).toEqual([]);
  expect(new Set(MUTANTS.map(({ harm }) => harm)).size).toBe(MUTANTS.length);
  expect(new Set(MUTANTS.map(({ file, was, is }) => `${file}${was}${is}`)).size).toBe(MUTANTS.length);
});

test("the tests that must notice it are there", () => {
  const named = new Set(MUTANTS.flatMap(({ tests = [] }) => tests));
  expect([...named].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
