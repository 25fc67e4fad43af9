import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type ChainableCommander } from "ioredis";
import type { Placement } from "../../../schema/order.ts";
import { guard } from "../../../worker/local/guard.mjs";
import type { Peer, PeerAnswer, PeerHold } from "./peer.ts";

type Hold = [numberOfKeys: number, ...args: (string | number)[]];
type WithHold<T> = T & { hold(...args: Hold): T extends Redis ? Promise<string[]> : T };

const KEYS = ["stock", "units", "keys", "due", "orders"];
const LUA = readFileSync(new URL("hold.lua", import.meta.url), "utf8");

export const hasRedis = (): boolean => spawnSync("redis-server", ["--version"]).status === 0;

/** Redis with one script for a hold, an append-only file and nothing else on disk, over a Unix socket. */
export async function redisPeer(fsync: "always" | "everysec"): Promise<Peer> {
  const dir = mkdtempSync(join(tmpdir(), "doorbuster-redis-"));
  const path = join(dir, "redis.sock");
  const options = [
    "--port",
    "0",
    "--unixsocket",
    path,
    "--dir",
    dir,
    "--save",
    "",
    "--appendonly",
    "yes",
    "--auto-aof-rewrite-percentage",
    "0",
  ];
  const server = spawn("redis-server", [...options, "--appendfsync", fsync], {
    detached: true,
    stdio: "ignore",
  });
  guard(server);
  const redis = new Redis({ path, enableAutoPipelining: true, retryStrategy: () => 50 }) as WithHold<Redis>;
  // It is connected to until it listens, and what is asked meanwhile waits; what fails later fails whoever asked.
  redis.on("error", () => {});
  redis.defineCommand("hold", { lua: LUA });
  await redis.ping();
  return {
    async reset(stock) {
      await redis.flushall();
      await redis.set("stock", stock);
    },
    hold: async (hold) => answerOf(await redis.hold(KEYS.length, ...argsOf(hold))),
    async holdMany(holds) {
      const pipeline = redis.pipeline() as WithHold<ChainableCommander>;
      for (const hold of holds) pipeline.hold(KEYS.length, ...argsOf(hold));
      const answers = (await pipeline.exec()) ?? [];
      return answers.map(([error, answer]) => {
        if (error) throw error;
        return answerOf(answer as string[]);
      });
    },
    async stop() {
      redis.disconnect();
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function argsOf({
  placement,
  quantity,
  key,
  fingerprint,
  holdMs,
  perBuyerMax,
}: PeerHold): (string | number)[] {
  const { order, buyer, createdAt } = placement;
  const scoped = `${buyer}\n${key}`;
  return [
    ...KEYS,
    order,
    buyer,
    quantity,
    scoped,
    fingerprint,
    createdAt,
    holdMs,
    perBuyerMax,
    JSON.stringify(placement),
  ];
}

function answerOf([code, document]: string[]): PeerAnswer {
  if (code === "held" || code === "replayed")
    return { code, placement: JSON.parse(document ?? "") as Placement };
  return { code } as PeerAnswer;
}
