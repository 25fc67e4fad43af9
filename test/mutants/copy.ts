import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Edit } from "./mutant.ts";
import type { Test } from "./results.ts";

const ROOT = join(import.meta.dirname, "../..");
const COPIED = [
  "schema",
  "durable-objects",
  "worker",
  "test",
  "dist",
  "package.json",
  "tsconfig.json",
  "wrangler.toml",
  "vitest.config.ts",
];
/** It reads the catalogue beside the code, and so would notice every mistake for what it is. */
const NOT_COPIED = /test\/(?:\.artifacts|simulation\/mutants\.test\.ts)/;
/** A mistake may make a world that never comes to rest: that is noticed too. */
const RUN_MS_MAX = 300_000;
/** Two runs beside each other, and whatever else is running, must not make a test too slow to pass. */
const TEST_MS_MAX = 60_000;
const IN_NODE = /^test\/(?:machines|simulation|schema)\b/;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Matches a test of this name, which Vitest writes with a `>` between a group and its test in one place and without in another. */
const patternOf = (name: string): string =>
  `^${name.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`).replaceAll(" ", " (?:> )?")}$`;

/** A copy of the project to make mistakes in. */
export class Copy {
  readonly #dir = mkdtempSync(join(tmpdir(), "doorbuster-mutants-"));

  constructor() {
    for (const entry of COPIED.filter((name) => existsSync(join(ROOT, name))))
      cpSync(join(ROOT, entry), join(this.#dir, entry), {
        recursive: true,
        filter: (path) => !NOT_COPIED.test(path),
      });
    symlinkSync(join(ROOT, "node_modules"), join(this.#dir, "node_modules"));
  }

  /**
   * Which test fails with these changes, or null. The changes are taken back.
   * @param likely a test that is asked before the others, by itself: most mistakes are noticed by the same test every time.
   */
  async killerWith(
    edits: readonly Edit[],
    tests: readonly string[],
    likely: Test | null = null,
  ): Promise<string | null> {
    const before = new Map(edits.map(({ file }) => [file, readFileSync(join(this.#dir, file), "utf8")]));
    for (const { file, was, is } of edits) {
      const path = join(this.#dir, file);
      const text = readFileSync(path, "utf8");
      if (text.split(was).length !== 2) throw new Error(`${file} has not exactly one ${JSON.stringify(was)}`);
      writeFileSync(
        path,
        text.replace(was, () => is),
      );
    }
    try {
      const noticed = likely && (await this.#firstFailure([likely.file], likely.name));
      return noticed ?? (await this.#firstFailure(tests));
    } finally {
      for (const [file, text] of before) writeFileSync(join(this.#dir, file), text);
    }
  }

  /** A run that was broken off may still be writing here: that must not hide why it was. */
  remove(): void {
    try {
      rmSync(this.#dir, { recursive: true, force: true });
    } catch {
      console.error(`${this.#dir} is still in use and stays.`);
    }
  }

  async #firstFailure(tests: readonly string[], name: string | null = null): Promise<string | null> {
    const report = join(this.#dir, "report.json");
    rmSync(report, { force: true });
    const project = tests.every((path) => IN_NODE.test(path)) ? "pure" : "workerd";
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    const reporting = ["--reporter", "json", "--outputFile", report];
    const patience = [`--testTimeout=${TEST_MS_MAX}`, `--hookTimeout=${TEST_MS_MAX}`];
    const only = name === null ? [] : ["--testNamePattern", patternOf(name)];
    const args = [
      vitest,
      "run",
      "--project",
      project,
      "--bail=1",
      ...patience,
      ...reporting,
      ...only,
      ...tests,
    ];
    const running = spawn(process.execPath, args, {
      cwd: this.#dir,
      stdio: "ignore",
      env: { ...process.env, TAPES: "off" },
      timeout: RUN_MS_MAX,
      killSignal: "SIGKILL",
    });
    const [code, signal] = (await once(running, "exit")) as [number | null, string | null];
    if (code === 0) return null;
    if (signal !== null) return "it never ends";
    return this.#failureIn(existsSync(report) ? readFileSync(report, "utf8") : null);
  }

  #failureIn(report: string | null): string {
    if (report === null) return "the tests do not start";
    const { testResults } = JSON.parse(report) as Report;
    const fileOf = (name: string): string => relative(this.#dir, name);
    for (const { assertionResults, name } of testResults)
      for (const { status, fullName } of assertionResults)
        if (status === "failed") return `${fileOf(name)}: ${fullName}`;
    const broken = testResults.find(({ message }) => message !== "");
    return broken ? fileOf(broken.name) : "the run itself";
  }
}
