import type { PeerName } from "./peer.ts";

/** Why a peer is faster over HTTP, wherever it is. Kept beside the peers, so that a table that shows one says it too. */
const REDIS =
  "Its script runs in C in a process of its own, and Hono on Node answers HTTP in another: two cores work for it. Our HTTP, Worker, objects, queues and D1's copy share one thread of the local runtime, and it keeps no copy.";
const POSTGRES =
  "It works in a process for each connection beside Hono on Node, on both cores, and writes one log for everybody; ours is one thread, which each commit stops. It keeps no copy either.";
const REASONS: Readonly<Record<PeerName, string>> = {
  "redis-always": REDIS,
  "redis-everysec": `${REDIS} It also answers before anything is on disk: a crash loses up to a second of what it has promised.`,
  "pg-for-update": POSTGRES,
  "pg-version": POSTGRES,
  "pg-skip-locked": `${POSTGRES} Its units are rows that nobody else waits for.`,
};
const BARE =
  "It is the runtime without us: one call of an object that does nothing, stores nothing and checks nobody.";

const BY_HAND =
  "It is the runtime with only what no answer can do without: it has no framework, no rules, no request id, no log and no copy of its orders for anybody to see.";

export function whyFaster(name: string): string {
  if (name in REASONS) return REASONS[name as PeerName];
  return name === "by hand" ? BY_HAND : BARE;
}
