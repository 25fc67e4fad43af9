import { build, type Metafile } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { SCRIPTS } from "../pages/scripts.ts";

/**
 * Builds what browsers load: `dist/public`. Files are replaced one by one, each by a rename, and only when they differ: a
 * server that is running never finds the folder or a file missing, and nothing is written twice.
 */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = join(ROOT, "dist/public");
const CLIENT = join(ROOT, "worker/pages/client");

/** Scripts of our own by where they are served; Swagger UI is served as it comes. */
const ENTRIES = Object.entries(SCRIPTS).flatMap(([out, { source }]) =>
  source === null ? [] : [{ in: join(CLIENT, source), out }],
);
const SWAGGER_FILES = ["swagger-ui.css", "swagger-ui-bundle.js"];

/** Gzipped bytes of a script of the landing page or the cashier: a phone on a bad line waits for each of them. */
const SCRIPT_GZIP_BYTES_MAX = 12 * 1024;
/** Gzipped bytes of the one style sheet. */
const STYLE_GZIP_BYTES_MAX = 10 * 1024;

const files = new Map<string, Uint8Array>();
await addPublic();
await addScripts();
await addSwagger();
addInventory();
checkBudgets();
await publish();

async function addPublic(): Promise<void> {
  const folder = join(ROOT, "worker/public");
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path), await readFile(path));
  }
}

async function addScripts(): Promise<void> {
  const { outputFiles, metafile } = await build({
    entryPoints: ENTRIES,
    outdir: TARGET,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    write: false,
    metafile: true,
    logLevel: "warning",
  });
  for (const { path, contents } of outputFiles) files.set(relative(TARGET, path), contents);
  failOnServerCode(metafile);
}

/** A script must not carry the server with it: nothing but the client's own files and its one library. */
function failOnServerCode({ inputs }: Metafile): void {
  const strange = Object.keys(inputs).filter(
    (path) => !/(^|\/)(worker\/pages\/client|node_modules)\//.test(path),
  );
  if (strange.length > 0) throw new Error(`scripts of the pages import ${strange.join(", ")}`);
}

async function addSwagger(): Promise<void> {
  const folder = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  for (const name of SWAGGER_FILES) files.set(`docs-assets/${name}`, await readFile(join(folder, name)));
}

/** What runs on which page, why, and what it holds: as pages' `integrity` would say it. */
function addInventory(): void {
  const scripts = Object.entries(SCRIPTS).map(([name, { pages, why }]) => {
    const contents = files.get(`${name}.js`);
    if (!contents) throw new Error(`${name}.js is in the list of scripts and was not built`);
    const integrity = `sha384-${createHash("sha384").update(contents).digest("base64")}`;
    return { path: `/${name}.js`, pages, why, integrity };
  });
  const unlisted = [...files.keys()].filter(
    (name) => name.endsWith(".js") && !Object.hasOwn(SCRIPTS, name.slice(0, -3)),
  );
  if (unlisted.length > 0) throw new Error(`no reason is given for ${unlisted.join(", ")}`);
  files.set("assets/scripts.json", new TextEncoder().encode(`${JSON.stringify({ scripts }, null, 2)}\n`));
}

function checkBudgets(): void {
  for (const [name, contents] of files) {
    if (!/^(assets\/.*\.js|app\.css)$/.test(name)) continue;
    const gzipped = gzipSync(contents).length;
    const budget = name.endsWith(".css") ? STYLE_GZIP_BYTES_MAX : SCRIPT_GZIP_BYTES_MAX;
    console.log(`${name} ${contents.length} bytes, ${gzipped} gzipped (at most ${budget})`);
    if (gzipped > budget) throw new Error(`${name} is over its budget`);
  }
}

async function publish(): Promise<void> {
  for (const [name, contents] of files) {
    const path = join(TARGET, name);
    const present = await readFile(path).catch(() => null);
    if (present?.equals(contents)) continue;
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}.draft`;
    await writeFile(draft, contents);
    await rename(draft, path);
  }
  for (const entry of await readdir(TARGET, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // Another build's draft is not ours to judge.
    const ours = !entry.isFile() || files.has(relative(TARGET, path)) || path.endsWith(".draft");
    if (!ours) await rm(path, { force: true });
  }
}
