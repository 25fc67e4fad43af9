import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "./settings.ts";

/** How long a runtime whose launcher was killed is given to end before it is called still running. */
const LEFTOVER_MS_MAX = 5_000;
const LEFTOVER_LOOK_MS = 100;
/** Where Miniflare and wrangler keep the objects' files. */
const OBJECTS = "state/v3/do";
const SQLITE_BUSY = 5;

/** Kept for as long as the process lives: closing it would give the folder free. */
const locks: DatabaseSync[] = [];

/**
 * One server for one data folder: two would each believe to be the only writer of every SKU and sell the same units twice.
 *
 * The lock is SQLite's own exclusive lock of a file in the folder. The system holds it for the process and drops it however
 * the process ends, so there is never anything to clean up and nothing to race for; and because the file is in the folder, a
 * link to the folder or another TMPDIR leads to the same lock. What really must be alone is the runtime, which is another
 * process and may outlive the one that started it; so its files are asked, too, whether anybody has them open.
 */
export async function lockDataDir(dataDir: string): Promise<void> {
  const lock = holdAlone(join(dataDir, "lock"));
  if (!lock)
    fail(`Another Doorbuster is running on ${dataDir}. Stop it, or choose another folder with DATA_DIR=…`);
  locks.push(lock);
  const deadline = Date.now() + LEFTOVER_MS_MAX;
  while (isOpenElsewhere(dataDir)) {
    if (Date.now() > deadline)
      fail(
        `The runtime (workerd) of another server still has the data in ${dataDir} open. Stop it, or choose another folder with DATA_DIR=…`,
      );
    await sleep(LEFTOVER_LOOK_MS);
  }
}

/** Opens the file with nobody beside us, or null. */
function holdAlone(path: string): DatabaseSync | null {
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    file.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return file;
  } catch (cause) {
    file.close();
    if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY) return null;
    throw cause;
  }
}

/** The runtime keeps one file of every class of objects open, and so locked, from its start to its end. */
function isOpenElsewhere(dataDir: string): boolean {
  const objects = join(dataDir, OBJECTS);
  const classes = existsSync(objects) ? readdirSync(objects) : [];
  const files = classes
    .map((name) => join(objects, name, "metadata.sqlite"))
    .filter((path) => existsSync(path));
  return files.some((path) => {
    const file = holdAlone(path);
    file?.close();
    return file === null;
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
