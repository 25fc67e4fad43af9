import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/** What documents say is proved by a test: the test is there. */

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "STORAGE.md", "SECURITY.md"];

/** The files that a document means: by its path, or, in a table, by its folder and name alone. */
function filesOf(name: string): string[] {
  const short = name.endsWith(".ts") ? `test/providers/${name}` : `test/${name}.test.ts`;
  return globSync(name.startsWith("test/") ? name : short, { cwd: ROOT });
}

/** Each file that is named together with a test in it. */
const named = DOCUMENTS.flatMap((document) =>
  [...read(document).matchAll(/`((?:test\/)?[\w{},./-]+)` "([^"]+)"/g)].map(
    ([, file = "", title = ""]) => [document, file, title] as const,
  ),
);

test.for(named)("%s names a test that is there: %s %s", ([, file, title]) => {
  const sources = filesOf(file).map(read);
  expect(sources.length, file).toBeGreaterThan(0);
  for (const source of sources) expect(source.includes(title), title).toBe(true);
});

/** A place for a name, and what a long programme writes when it is run. */
const ELSEWHERE = /<name>|RESULTS\.md$/;

test.for(DOCUMENTS)("every path of a test in %s leads somewhere", (document) => {
  const paths = [...read(document).matchAll(/`(test\/[^`\s]+)`/g)].map(([, path = ""]) => path);
  const known = paths.filter((path) => !ELSEWHERE.test(path));
  expect(known.filter((path) => globSync(path, { cwd: ROOT }).length === 0)).toEqual([]);
});

/** Rows of a table, by what stands in their first column. */
const rowsOf = (document: string, first: RegExp): string[] =>
  read(document)
    .split("\n")
    .filter((line) => first.test(line.split(" | ")[0] ?? ""));

describe.for<[string, RegExp, string, number]>([
  ["SECURITY.md", /^\| (?:API|ASVS)/, "API", 10],
  ["ARCHITECTURE.md", /^\| C\d+$/, "C", 15],
])("the table of %s", ([document, first, item, count]) => {
  const rows = rowsOf(document, first);

  test("names a test in each row", () => {
    expect(rows.filter((row) => !/`test\/[^`]+` "[^"]+"/.test(row))).toEqual([]);
  });

  test(`speaks of each of ${item}1 to ${item}${count}`, () => {
    const items = rows.map((row) => row.split(" | ")[0]).join(", ");
    for (let n = 1; n <= count; n++) expect(items).toMatch(new RegExp(`\\b${item}${n}\\b`));
  });
});
