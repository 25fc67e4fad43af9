#!/usr/bin/env node
// node worker/local/run.mjs [options of Node] script [arguments]
// Runs a script of this project on a machine that has only Node 20 and npm: installs what is missing, then starts the
// script with the project's own Node and as many open files as the system allows.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { guard } from "./guard.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const NODE = join(ROOT, "node_modules/.bin", process.platform === "win32" ? "node.cmd" : "node");
const INSTALLED = join(ROOT, "node_modules/.package-lock.json");
const LOCK = join(ROOT, "package-lock.json");

/** A live object keeps three files open for about ten seconds after its last use; the runtime dies when they run out. */
const FILES_PER_OBJECT = 3;
const OBJECTS_MIN = 2_000;

/** Scripts that leave a runtime running; their processes are started as a group of their own. */
const SERVERS = ["worker/local/start.ts", "worker/local/serve.ts"];

/** Another command may be installing at this moment; one that takes longer than this is not waited for. */
const INSTALL_MS_MAX = 600_000;

const args = process.argv.slice(2);
const script = args.find((arg) => !arg.startsWith("--"));
if (!script || !existsSync(join(ROOT, script))) {
  console.error(`There is no script "${script ?? ""}".`);
  process.exit(2);
}

install();
warnOfFewFiles();
run();

function install() {
  if (isInstalled()) return;
  const done = takeTurn();
  try {
    if (!isInstalled()) installPackages();
  } finally {
    done();
  }
}

function isInstalled() {
  const newer =
    existsSync(NODE) && existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs;
  return newer || sameTree();
}

/** Two commands started at once must not both write node_modules. A turn of a process that is no more is nobody's. */
function takeTurn() {
  const turn = join(
    tmpdir(),
    `doorbuster-install-${createHash("sha256").update(ROOT).digest("hex").slice(0, 16)}`,
  );
  const deadline = Date.now() + INSTALL_MS_MAX;
  while (Date.now() < deadline) {
    try {
      writeFileSync(turn, String(process.pid), { flag: "wx" });
      break;
    } catch (cause) {
      if (cause.code !== "EEXIST") break;
      if (!isAlive(turn)) rmSync(turn, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    }
  }
  return () => rmSync(turn, { force: true });
}

function isAlive(turn) {
  try {
    return process.kill(Number(readFileSync(turn, "utf8")) || process.pid, 0);
  } catch {
    return false;
  }
}

function installPackages() {
  console.log("Installing the project's packages (npm install) ...");
  // Not `npm ci`: it refuses a lock that lacks another platform's optional binaries, which some registries do not carry. This
  // installs what is locked all the same, and writes nothing back.
  const { status } = spawnSync(
    "npm",
    ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: ROOT,
      stdio: "inherit",
      shell: process.platform === "win32",
    },
  );
  if (status !== 0) {
    console.error(
      "The packages could not be installed. Check the network and the npm registry, then try again.",
    );
    process.exit(status ?? 1);
  }
}

/** A checkout may touch the lock file without changing it: then what is installed is still right. */
function sameTree() {
  if (!existsSync(NODE) || !existsSync(INSTALLED)) return false;
  const wanted = JSON.parse(readFileSync(LOCK, "utf8")).packages;
  const there = JSON.parse(readFileSync(INSTALLED, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || there[path]?.version === version,
  );
}

function warnOfFewFiles() {
  if (process.platform === "win32") return;
  const hard = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout.trim();
  const objects = hard === "unlimited" ? Infinity : Math.floor(Number(hard) / FILES_PER_OBJECT);
  if (objects >= OBJECTS_MIN) return;
  console.warn(
    `This system allows ${hard} open files, which is about ${objects} live orders at a time on this machine. ` +
      `For a rush raise the limit first, for example with "ulimit -Hn 65536" as an administrator.`,
  );
}

function run() {
  const env = {
    ...process.env,
    PATH: `${dirname(NODE)}:${process.env.PATH}`,
    WRANGLER_SEND_METRICS: "false",
    // The tools are large: a start is a third of a second shorter when they need not be compiled again.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(ROOT, "node_modules/.cache/node"),
  };
  const windows = process.platform === "win32";
  const guarded = SERVERS.includes(script);
  const child = windows
    ? spawn(NODE, args, { cwd: ROOT, stdio: "inherit", env, shell: true })
    : spawn("sh", ["-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"', NODE, ...args], {
        cwd: ROOT,
        stdio: "inherit",
        env,
        detached: guarded,
      });
  if (guarded) guard(child);
  // A terminal sends its signals to the whole group; one sent to this process alone is passed on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
