import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail } from "./settings.ts";

/**
 * One server for one data folder: two would each believe to be the only writer of every SKU and sell the same units twice.
 * The lock is a listening socket named after the folder: it ends with its process however that ends, so there is never
 * anything to clean up. A socket file that nobody answers on is left over from a process that was killed.
 */
export async function lockDataDir(dataDir: string): Promise<Server> {
  const name = `doorbuster-${createHash("sha256").update(dataDir).digest("hex").slice(0, 16)}`;
  const path = process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
  const first = await listenOn(path);
  if (first) return first;
  if (await isAnswered(path))
    fail(`Another Doorbuster is running on ${dataDir}. Stop it, or choose another folder with DATA_DIR=…`);
  rmSync(path, { force: true });
  return (await listenOn(path)) ?? fail(`Another Doorbuster has just been started on ${dataDir}.`);
}

function listenOn(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(null) : reject(error),
    );
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Says so before anything is started, when the port is somebody else's. */
export async function checkPort(port: number): Promise<void> {
  const free = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
  if (!free)
    fail(
      `Port ${port} is taken. Stop what listens on it, or choose another one: PORT=${port === 65_535 ? 8788 : port + 1} npm start`,
    );
}
