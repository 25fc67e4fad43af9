#!/usr/bin/env node
// Runs a command of this project on a machine that has only Node 20 and npm: installs what is missing, then starts the
// command with the project's own Node and as many open files as the system allows.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const NODE = join(ROOT, "node_modules/.bin", process.platform === "win32" ? "node.cmd" : "node");
const INSTALLED = join(ROOT, "node_modules/.package-lock.json");
const LOCK = join(ROOT, "package-lock.json");

/** A live object keeps three files open for about ten seconds after its last use; the runtime dies when they run out. */
const FILES_PER_OBJECT = 3;
const OBJECTS_MIN = 2_000;

const [command, ...args] = process.argv.slice(2);
const script = join(ROOT, "worker/local", `${command}.ts`);
if (!command || !existsSync(script)) {
  console.error(`There is no command "${command ?? ""}".`);
  process.exit(2);
}

install();
warnOfFewFiles();
run();

function install() {
  const current =
    existsSync(NODE) && existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs;
  if (current || sameTree()) return;
  console.log("Installing the project's packages (npm install) ...");
  // Not `npm ci`: it refuses a lock that lacks another platform's optional binaries, which some registries do not carry. This
  // installs what is locked all the same, and writes nothing back.
  const done = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (done.status !== 0) {
    console.error(
      "The packages could not be installed. Check the network and the npm registry, then try again.",
    );
    process.exit(done.status ?? 1);
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
  };
  const child =
    process.platform === "win32"
      ? spawn(NODE, [script, ...args], { cwd: ROOT, stdio: "inherit", env, shell: true })
      : spawn("sh", ["-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"', NODE, script, ...args], {
          cwd: ROOT,
          stdio: "inherit",
          env,
        });
  // A terminal sends its signals to the whole group; one sent to this process alone is passed on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
