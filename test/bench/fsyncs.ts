import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Counts the calls by which processes make their files durable, and tells what each was for. Slow: never beside a clock. */

export const hasStrace = (): boolean => spawnSync("strace", ["--version"]).status === 0;

/** What a database is doing when it makes a file durable: SQLite's own upkeep, or somebody's transaction. */
export type Purpose = "making" | "commit" | "closing";

export interface Fsync {
  readonly path: string;
  readonly purpose: Purpose;
}

/** How long processes that have done their work may go on writing it down. */
const SETTLE_MS = 500;
const CALL = /\b(fsync|fdatasync|pwrite64)\(\d+<([^>]*)>(?:, ""\.*, (\d+), (\d+))?/;
/** SQLite begins a write-ahead log with a header of so many bytes, made durable by itself. */
const WAL_HEADER_BYTES = 32;

/** Does the work, and answers with what these processes and all of their threads made durable meanwhile. */
export async function fsyncsOf(pids: readonly number[], work: () => Promise<void>): Promise<Fsync[]> {
  const dir = mkdtempSync(join(tmpdir(), "doorbuster-strace-"));
  const out = join(dir, "calls");
  const what = ["-f", "-y", "-s", "0", "-e", "trace=fsync,fdatasync,pwrite64", "-o", out];
  const tracer = spawn("strace", [...what, ...pids.flatMap((pid) => ["-p", String(pid)])]);
  const ended = new Promise((resolve) => tracer.once("exit", resolve));
  await new Promise<void>((resolve, reject) => {
    tracer.stderr.on("data", (said: Buffer) => {
      if (said.includes("attached")) resolve();
    });
    tracer.once("exit", () => reject(new Error("strace could not attach: it needs the right to trace")));
  });
  try {
    await work();
    await sleep(SETTLE_MS);
  } finally {
    tracer.kill("SIGINT");
    await ended;
  }
  const calls = readFileSync(out, "utf8").split("\n");
  rmSync(dir, { recursive: true, force: true });
  return readCalls(calls);
}

/** Of each file: what has been written to it since it was last made durable. */
interface Since {
  header: boolean;
  frames: boolean;
}

function readCalls(calls: readonly string[]): Fsync[] {
  const fsyncs: Fsync[] = [];
  const written = new Map<string, Since>();
  const closing = new Set<string>();
  for (const call of calls) {
    const [, name, path, bytes, offset] = CALL.exec(call) ?? [];
    if (name === undefined || path === undefined) continue;
    const since = written.get(path) ?? { header: false, frames: false };
    if (name === "pwrite64") {
      if (Number(bytes) === WAL_HEADER_BYTES && offset === "0") since.header = true;
      else since.frames = true;
      written.set(path, since);
      continue;
    }
    written.delete(path);
    const purpose = purposeOf(path, since, closing);
    // A log that is made durable once more is about to be copied into its database.
    if (purpose === "closing" && path.endsWith("-wal")) closing.add(path.slice(0, -"-wal".length));
    fsyncs.push({ path, purpose });
  }
  return fsyncs;
}

function purposeOf(path: string, { header, frames }: Since, closing: Set<string>): Purpose {
  if (path.endsWith(".sqlite-wal")) {
    if (frames) return "commit";
    return header ? "making" : "closing";
  }
  if (path.endsWith(".sqlite")) return closing.delete(path) ? "closing" : "making";
  // The rollback journal of a file that becomes one with a log, and the folder of both.
  return path.endsWith(".sqlite-journal") || !basename(path).includes(".") ? "making" : "commit";
}

/** Whose database a path belongs to: `do/doorbuster-OrderActor/<id>.sqlite-wal` is an OrderActor's. */
export function ownerOf(path: string): string {
  if (basename(path).startsWith("metadata.sqlite")) return "alarms";
  const folder = basename(path).includes(".") ? basename(dirname(path)) : basename(path);
  return folder.replace(/^(?:doorbuster|miniflare)-/, "");
}

/** The processes of this name that a process has started, and theirs. */
export function descendantsOf(parent: number, name: string): number[] {
  const children = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(statusOf(entry, "PPid")) === parent)
    .map(Number);
  return children.flatMap((pid) => [
    ...(statusOf(pid, "Name") === name ? [pid] : []),
    ...descendantsOf(pid, name),
  ]);
}

function statusOf(pid: number | string, field: string): string {
  try {
    return new RegExp(`^${field}:\\t(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    // It ended while we were looking.
    return "";
  }
}
