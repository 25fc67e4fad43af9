import { readdirSync, readFileSync } from "node:fs";
import type { Drive } from "../decision/worker.ts";
import type { Served } from "../ours.ts";

/** The point where stock is decided, asked by RPC from a Worker beside it. */
export const CONFIG = "test/bench/decision/wrangler.toml";
const MIB = 1_048_576;

export const urlOf = ({ port }: Served, sku = "lamp"): string => `http://127.0.0.1:${port}/${sku}`;

/** A SKU with plenty of units, whose holds last a day unless told otherwise. */
export async function configure(served: Served, sku = "lamp", holdMs?: number): Promise<void> {
  const query = holdMs === undefined ? "" : `?hold_ms=${holdMs}`;
  const answer = await fetch(`${urlOf(served, sku)}${query}`, { method: "PUT" });
  if (!answer.ok) throw new Error(`the decision Worker answers ${answer.status}: ${await answer.text()}`);
}

/** Answers with how many a second. */
export async function drive(served: Served, request: Drive, sku = "lamp"): Promise<number> {
  const answer = await fetch(urlOf(served, sku), { method: "POST", body: JSON.stringify(request) });
  if (!answer.ok) throw new Error(`the decision Worker answers ${answer.status}: ${await answer.text()}`);
  const { tookMs } = await answer.json<{ tookMs: number }>();
  return (request.count / Math.max(1, tookMs)) * 1_000;
}

/** Of the runtime that this process has started. */
export function residentMegabytes(): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (/^Name:\tworkerd$/m.test(status) && new RegExp(`^PPid:\\t${process.pid}$`, "m").test(status))
        return Math.round((Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1_024) / MIB);
    } catch {
      // It ended while we were looking.
    }
  return Number.NaN;
}
