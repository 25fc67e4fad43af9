import type { Context } from "hono";
import type { App } from "../app-env.ts";
import { problem } from "../problem.ts";
import type { Check } from "./admit.ts";

const HEADER = "idempotency-key";
/** Visible ASCII, as the contract says; the draft's quotes would be part of the key. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/** Every call that changes something and may be repeated names itself. */
export const requireIdempotencyKey: Check = (c) => {
  const key = c.req.header(HEADER);
  if (key === undefined) return problem(c, { code: "idempotency_key_missing" });
  return KEY.test(key) ? undefined : problem(c, { code: "idempotency_key_invalid" });
};

/** The key, after `requireIdempotencyKey` has seen it. */
export function idempotencyKey(c: Context<App>): string {
  const key = c.req.header(HEADER);
  if (key === undefined) throw new Error("this route forgot to require an idempotency key");
  return key;
}

/** Says that an answer was given before. */
export const replayedHeader = (replayed: boolean): Record<string, string> =>
  replayed ? { "Idempotent-Replayed": "true" } : {};
