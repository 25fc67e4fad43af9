import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../worker/local/client.ts";
import { build } from "../../worker/local/miniflare.ts";
import { wrangler } from "../../worker/local/wrangler.ts";
import { freePort, SECRETS } from "../system/server.ts";

const READY_MS_MAX = 60_000;
/** What writes to disk and what makes it stay there. */
export const BOUNDARIES = "fsync,fdatasync,pwrite64";

/** A server that dies and comes back, on the same data. */
export class Victim {
  readonly client: Client;
  readonly #dir: string;
  readonly #port: number;
  #process: ChildProcess | null = null;

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.#port = port;
    this.client = new Client(`http://127.0.0.1:${port}`, SECRETS);
  }

  static async fresh(): Promise<Victim> {
    const dir = mkdtempSync(join(tmpdir(), "doorbuster-crash-"));
    build({ config: "wrangler.toml", outDir: join(dir, "bundle") });
    wrangler("d1", "migrations", "apply", "DB", "--local", "--persist-to", join(dir, "state"));
    return new Victim(dir, await freePort());
  }

  /** @param before a command that starts it, like strace. */
  async start(before: readonly string[] = []): Promise<void> {
    const options = {
      config: "wrangler.toml",
      port: this.#port,
      outDir: join(this.#dir, "bundle"),
      stateDir: join(this.#dir, "state"),
      bindings: { ...SECRETS, RATE_LIMIT: "off", REQUEST_LOG: "off" },
    };
    const server = join(import.meta.dirname, "server.ts");
    const command = [...before, process.execPath, server, JSON.stringify(options)];
    const started = spawn(command[0] ?? "", command.slice(1), {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#process = started;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("not ready in time")), READY_MS_MAX);
      started.stdout?.on("data", (chunk: Buffer) => {
        if (!chunk.toString().includes("ready")) return;
        clearTimeout(late);
        resolve();
      });
      started.once("exit", () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  /** True while the process that was started is there. */
  isAlive(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Ends all of it at once and without a word. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (!running?.pid) return;
    const isOver = running.exitCode !== null || running.signalCode !== null;
    const ended = isOver ? Promise.resolve() : new Promise((resolve) => running.once("exit", resolve));
    try {
      process.kill(-running.pid, "SIGKILL");
    } catch {
      // All of the group has gone already.
    }
    await ended;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

export const hasStrace = (): boolean => spawnSync("strace", ["-V"]).status === 0;
