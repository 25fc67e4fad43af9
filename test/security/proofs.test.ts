import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const text = readFileSync(join(ROOT, "SECURITY.md"), "utf8");

/** Rows of the table: the items, and the test that is named. */
const rows = text
  .split("\n")
  .filter((line) => /^\| (?:API|ASVS)/.test(line))
  .map((line) => {
    const [items = "", , proof = ""] = line.split(" | ");
    const [, file = "", title = ""] = /`(test\/[^`]+)` "([^"]+)"/.exec(proof) ?? [];
    return { items, file, title };
  });

test.for(rows.map((row) => [row.file, row.title] as const))(
  "SECURITY.md names a test that is there: %s %s",
  ([file, title]) => {
    expect(file).not.toBe("");
    expect(existsSync(join(ROOT, file)), file).toBe(true);
    // A title, or how it begins or ends.
    const source = readFileSync(join(ROOT, file), "utf8");
    expect(source.includes(`"${title}`) || source.includes(`${title}"`), title).toBe(true);
  },
);

test("SECURITY.md speaks of each item of the API Top 10", () => {
  const named = rows.map(({ items }) => items).join(", ");
  for (let item = 1; item <= 10; item++) expect(named).toMatch(new RegExp(`\\bAPI${item}\\b`));
});
