import { fork } from "node:child_process";
import { freePort, type Served } from "../ours.ts";
import type { Peer, PeerName } from "./peer.ts";
import { hasPostgres, postgresPeer } from "./postgres.ts";
import { hasRedis, redisPeer } from "./redis.ts";

/** What must be installed before this peer can run; null when it is there. */
export function missing(name: PeerName): string | null {
  if (name.startsWith("redis")) return hasRedis() ? null : "skipped, install redis-server";
  return hasPostgres() ? null : "skipped, install postgresql";
}

export function startPeer(name: PeerName): Promise<Peer> {
  switch (name) {
    case "redis-always":
      return redisPeer("always");
    case "redis-everysec":
      return redisPeer("everysec");
    case "pg-for-update":
      return postgresPeer("lock");
    case "pg-version":
      return postgresPeer("version");
    case "pg-skip-locked":
      return postgresPeer("units");
    default:
      throw new Error(`no peer is called ${String(name satisfies never)}`);
  }
}

/** A peer behind HTTP, in a process of its own. */
export const servePeer = (name: PeerName, stock: number): Promise<Served> =>
  serveProgram("server.ts", [name, String(stock)]);

/** The PostgreSQL peer with a row lock that sells, is paid and shows what it has sold. */
export const serveShop = (stock: number): Promise<Served> => serveProgram("shop.ts", [String(stock)]);

async function serveProgram(program: string, settings: readonly string[]): Promise<Served> {
  const port = await freePort();
  const child = fork(new URL(program, import.meta.url), [...settings, String(port)]);
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the peer ${program} ended with ${code}`)));
  });
  return {
    port,
    async dispose() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
  };
}
