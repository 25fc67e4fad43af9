import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../worker/local/client.ts";
import { guard } from "../../worker/local/guard.mjs";
import { prepared } from "./prepared.ts";

const ROOT = join(import.meta.dirname, "../..");
const READY_MS_MAX = 60_000;
const DYING_MS_MAX = 2_000;

export const SECRETS = {
  ADMIN_KEY: "system-test-admin-key",
  BUYER_TOKEN_SECRET: "system-test-buyer-token-secret-of-32",
  WEBHOOK_SECRET: "a-webhook-secret-of-thirty-two-bytes",
  SANDBOX_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
};

export const freshDataDir = (): string => mkdtempSync(join(tmpdir(), "doorbuster-test-"));

/** Below the ports that systems give to clients: nobody's connection takes it while its server is down. */
const PORTS = { from: 10_000, to: 30_000 };

export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (await isFree(port)) return port;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });

/** The product as a user starts it, in a folder of its own. */
export class Server {
  readonly port: number;
  readonly dataDir: string;
  readonly client: Client;
  readonly adminKey = SECRETS.ADMIN_KEY;
  output = "";
  #process: ChildProcess | null = null;

  constructor(port: number, dataDir: string) {
    this.port = port;
    this.dataDir = dataDir;
    this.client = new Client(`http://127.0.0.1:${port}`, SECRETS);
  }

  static async fresh(): Promise<Server> {
    const server = new Server(await freePort(), freshDataDir());
    await prepared(server.dataDir);
    await server.start();
    return server;
  }

  /** Resolves with "ready", or with the exit code when it gave up. */
  async start(command = "serve", env: Record<string, string> = {}): Promise<"ready" | number> {
    this.output = "";
    const started = spawn(process.execPath, ["worker/local/run.mjs", `worker/local/${command}.ts`], {
      cwd: ROOT,
      detached: true,
      env: {
        ...process.env,
        ...SECRETS,
        RATE_LIMIT: "off",
        SEED: "off",
        PORT: String(this.port),
        DATA_DIR: this.dataDir,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = started;
    guard(started);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not ready in time:\n${this.output}`)), READY_MS_MAX);
      const hear = (chunk: Buffer): void => {
        this.output += chunk.toString();
        if (!/^ready http:\/\/127\.0\.0\.1:\d+$/m.test(this.output)) return;
        clearTimeout(late);
        resolve("ready");
      };
      started.stdout?.on("data", hear);
      started.stderr?.on("data", hear);
      started.once("exit", (code) => {
        clearTimeout(late);
        resolve(code ?? -1);
      });
    });
  }

  /** Ends the whole process group, at once and without a word. */
  kill(): Promise<void> {
    return this.#end("SIGKILL").then(() => undefined);
  }

  /** Ends only the process that a user started, which gets no chance to end the others. */
  async killLauncher(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (!running?.pid) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    process.kill(running.pid, "SIGKILL");
    await ended;
  }

  /** Asks it to stop; answers with its exit code. */
  async stop(): Promise<number | null> {
    const code = await this.#end("SIGTERM");
    rmSync(this.dataDir, { recursive: true, force: true });
    return code;
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const running = this.#process;
    this.#process = null;
    if (!running?.pid || running.exitCode !== null) return running?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => running.once("exit", resolve));
    if (signal === "SIGTERM") running.kill(signal);
    else {
      process.kill(-running.pid, signal);
      await gone(running.pid);
    }
    return ended;
  }
}

/**
 * Waits for the last process of a group: one that is dying has its port still, and whoever starts on it meanwhile is refused.
 * A system whose first process buries nobody never says so, hence the limit.
 */
async function gone(group: number): Promise<void> {
  const deadline = Date.now() + DYING_MS_MAX;
  while (Date.now() < deadline) {
    try {
      process.kill(-group, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits for something to become true; fails with what it was last. */
export async function until<T>(
  what: string,
  ms: number,
  look: () => Promise<T>,
  isRight: (seen: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const seen = await look();
    if (isRight(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms, but ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
