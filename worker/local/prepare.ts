import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "./miniflare.ts";
import { ROOT } from "./settings.ts";

/** Everything a bundle is made of, and what is built with it and served beside it. */
const SOURCES = [
  "worker",
  "durable-objects",
  "schema",
  "wrangler.toml",
  "package-lock.json",
  "tsconfig.json",
  ".dev.vars",
  ".env",
];
const PUBLIC = ["dist/public"];
/** Says what the bundle beside it was made of. Written last: half a bundle has none. */
const MADE_OF_FILE = "made-of.sha256";

/** Writes the production bundle, unless the one that is there was made of the very same: most of a start is that. */
export async function prepare(outDir: string): Promise<void> {
  const path = join(outDir, MADE_OF_FILE);
  const sources = hashOf(SOURCES);
  if (existsSync(path) && readFileSync(path, "utf8") === `${sources} ${hashOf(PUBLIC)}`) return;
  rmSync(path, { force: true });
  await build({ config: "wrangler.toml", outDir });
  writeFileSync(path, `${sources} ${hashOf(PUBLIC)}`);
}

function hashOf(names: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of names.flatMap((name) => filesOf(join(ROOT, name)))) {
    const content = readFileSync(path);
    hash.update(`${relative(ROOT, path)} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found ? [path] : [];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name)).toSorted();
}
