import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
/** From who asks to what things are. An arrow never points up. */
const LAYERS = ["test", "worker", "durable-objects", "schema"];
const LINES_MAX = 340;

interface Source {
  readonly path: string;
  readonly text: string;
}

const sources: Source[] = LAYERS.flatMap((layer) =>
  readdirSync(join(ROOT, layer), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(layer, file))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") })),
);

const importsOf = ({ text }: Source): string[] =>
  [...text.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"/gms)].map(([, from]) => from ?? "");
const layerOf = (path: string): string => path.split("/")[0] ?? "";

test("imports point one way: worker -> durable-objects -> schema, and nothing imports test", () => {
  const upward = sources.flatMap((source) =>
    importsOf(source)
      .filter((from) => from.startsWith("."))
      .map((from) => normalize(join(dirname(source.path), from)))
      .filter((target) => LAYERS.indexOf(layerOf(target)) < LAYERS.indexOf(layerOf(source.path)))
      .map((target) => `${source.path} -> ${target}`),
  );
  expect(upward).toEqual([]);
});

test("a machine knows no clock, no chance, no I/O and nothing but the schema and its own folder", () => {
  const machines = sources.filter(({ path }) => /^durable-objects\/.*\/machine\.ts$/.test(path));
  expect(machines.length).toBeGreaterThanOrEqual(4);
  for (const machine of machines) {
    expect(machine.text, machine.path).not.toMatch(
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bcrypto\.|\bfetch\(|\bawait\b/,
    );
    const outside = importsOf(machine).filter(
      (from) => !from.startsWith("../../schema/") && !from.startsWith("./"),
    );
    expect(outside, machine.path).toEqual([]);
  }
});

test("schema imports only zod, drizzle and the synchronous hashes", () => {
  const allowed = /^(?:\.|zod$|drizzle-orm(?:\/|$)|node:crypto$)/;
  for (const source of sources.filter(({ path }) => layerOf(path) === "schema"))
    expect(
      importsOf(source).filter((from) => !allowed.test(from)),
      source.path,
    ).toEqual([]);
});

test("only the registry knows which payment providers there are", () => {
  const adapters = sources
    .filter(({ path }) => layerOf(path) === "worker")
    .filter((source) => importsOf(source).some((from) => from.endsWith("/adapter.ts")))
    .map(({ path }) => path);
  expect(adapters).toEqual(["worker/providers/registry.ts"]);
});

test("the Worker exports handlers and actors and nothing else, since the runtime refuses anything else", () => {
  const entry = sources.find(({ path }) => path === "worker/index.ts");
  const exported = [...(entry?.text.matchAll(/^export (.*)$/gm) ?? [])].map(([, what]) => what ?? "");
  expect(exported.length).toBeGreaterThan(1);
  for (const what of exported)
    expect(what).toMatch(/^default \{$|^\{ \w+ \} from "\.\.\/durable-objects\/.*\/actor\.ts";$/);
});

test("files stay readable in one sitting", () => {
  const long = sources
    .filter(({ path }) => layerOf(path) !== "test")
    .map(({ path, text }) => ({ path: relative(".", path), lines: text.split("\n").length }))
    .filter(({ lines }) => lines > LINES_MAX);
  expect(long).toEqual([]);
});

test("nothing is left for later", () => {
  const marks = new RegExp(
    `\\b(?:${["TO", "DO"].join("")}|${["FIX", "ME"].join("")}|@ts-ignore|@ts-nocheck)\\b`,
  );
  expect(sources.filter(({ text }) => marks.test(text)).map(({ path }) => path)).toEqual([]);
});
