import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../worker/local/client.ts";
import { guard } from "../../worker/local/guard.mjs";
import { prepared } from "../system/prepared.ts";
import { freePort, Server } from "../system/server.ts";

const READY_MS_MAX = 60_000;
/** A connection that breaks is noticed before the death of the process that broke it. */
const DYING_MS_MAX = 2_000;
/** What writes to disk and what makes it stay there. */
const BOUNDARIES = ["fsync", "fdatasync", "pwrite64", "ftruncate"] as const;
const LOOPBACK = "--external-addr=loopback=";
/** As many open files as the system allows: every live object has some. */
const FILES = 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"';

/** The runtime that Miniflare would start. */
const WORKERD = (
  createRequire(createRequire(import.meta.url).resolve("wrangler"))("workerd") as { default: string }
).default;

/**
 * A server that dies and comes back, on the same data. It is started once as its user does, by `npm run serve`, and what that gave
 * the runtime to live by is written down; from then on the runtime, which holds all the data, is also started without its launcher,
 * which takes a third of the time and writes nothing of its own.
 */
export class Victim {
  readonly client: Client;
  readonly #dir: string;
  readonly #server: Server;
  /** Stands in for the launcher, to whom the runtime's queues say what they do. */
  readonly #loopback: HttpServer;
  #runtime: ChildProcess | null = null;

  private constructor(dir: string, server: Server, loopback: HttpServer) {
    this.#dir = dir;
    this.#server = server;
    this.#loopback = loopback;
    this.client = server.client;
  }

  /** It is running, by `npm run serve`. */
  static async fresh(): Promise<Victim> {
    const dir = mkdtempSync(join(tmpdir(), "doorbuster-crash-"));
    mkdirSync(join(dir, "tmp"));
    const dataDir = join(dir, "data");
    await prepared(dataDir);
    const [args, config] = [join(dir, "arguments"), join(dir, "config")];
    const recorder = `#!/bin/sh\nprintf '%s\\n' "$@" >'${args}'\ncat >'${config}'\nexec '${WORKERD}' "$@" <'${config}'\n`;
    writeFileSync(join(dir, "workerd"), recorder, { mode: 0o700 });
    const loopback = createServer((request, answer) => {
      request.resume();
      answer.writeHead(204).end();
    });
    await new Promise<void>((resolve) => loopback.listen(0, "127.0.0.1", resolve));
    const victim = new Victim(dir, new Server(await freePort(), dataDir), loopback);
    await victim.serve();
    return victim;
  }

  /** Starts it as its user does. */
  async serve(): Promise<void> {
    const env = {
      REQUEST_LOG: "off",
      TMPDIR: join(this.#dir, "tmp"),
      MINIFLARE_WORKERD_PATH: join(this.#dir, "workerd"),
    };
    const ready = await this.#server.start("serve", env);
    if (ready !== "ready") throw new Error(`it did not start: ${ready}\n${this.#server.output}`);
  }

  /** Starts the runtime alone, as it was started last; resolves when it listens. */
  async start(): Promise<void> {
    const recorded = readFileSync(join(this.#dir, "arguments"), "utf8").trimEnd().split("\n");
    const { port } = this.#loopback.address() as AddressInfo;
    const args = recorded.map((arg) => (arg.startsWith(LOOPBACK) ? `${LOOPBACK}127.0.0.1:${port}` : arg));
    const config = openSync(join(this.#dir, "config"), "r");
    const started = spawn("sh", ["-c", FILES, WORKERD, ...args], {
      detached: true,
      stdio: [config, "ignore", "ignore", "pipe"],
    });
    closeSync(config);
    this.#runtime = started;
    guard(started);
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not ready in time: ${said}`)), READY_MS_MAX);
      const control = started.stdio[3] as Readable;
      control.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes(`"port":${this.#server.port}}`)) resolve();
      });
      started.once("exit", (code, signal) => reject(new Error(`it did not start: ${code ?? signal}`)));
      control.once("close", () => clearTimeout(late));
    });
  }

  /** True while the runtime that was started alone is there. */
  isAlive(): boolean {
    return this.#runtime !== null && this.#runtime.exitCode === null && this.#runtime.signalCode === null;
  }

  /** Waits until a runtime that was killed from outside is gone, and for no longer than that takes. */
  async settled(): Promise<void> {
    const deadline = Date.now() + DYING_MS_MAX;
    while (this.isAlive() && Date.now() < deadline) await sleep(5);
  }

  /** Ends all of it at once and without a word. */
  async kill(): Promise<void> {
    await this.#server.kill();
    const running = this.#runtime;
    this.#runtime = null;
    if (!running?.pid || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    process.kill(-running.pid, "SIGKILL");
    await ended;
  }

  /** Watches every thread of the runtime from now on. @throws when the system does not let us. */
  async trace(...args: readonly string[]): Promise<ChildProcess> {
    const { pid } = this.#runtime ?? {};
    const tracer = spawn(
      "strace",
      ["-f", "-e", `trace=${BOUNDARIES.join(",")}`, ...args, "-p", String(pid)],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    let said = "";
    await new Promise<void>((resolve, reject) => {
      tracer.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (/Process \d+ attached/.test(said)) resolve();
      });
      tracer.once("exit", () => reject(new Error(`strace may not watch: ${said}`)));
    });
    return tracer;
  }

  async end(): Promise<void> {
    await this.kill();
    this.#loopback.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

export const hasStrace = (): boolean => spawnSync("strace", ["-V"]).status === 0;
