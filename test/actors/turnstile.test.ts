import { env, evictDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { turnstileActor } from "../../worker/actors.ts";

test("a line outlives its object's memory, and each account has its own", async () => {
  const receiver = { provider: "stripe", account: "crowded" };
  const line = turnstileActor(env, receiver);
  const before = Date.now();
  const turns = await Promise.all(Array.from({ length: 10 }, () => line.enter(2)));
  expect(turns.at(-1)).toBeGreaterThanOrEqual(before + 4_500);
  await evictDurableObject(env.TURNSTILE.getByName("stripe/crowded"));
  expect(await line.enter(2)).toBe((turns.at(-1) ?? 0) + 500);
  const other = await turnstileActor(env, { ...receiver, account: "quiet" }).enter(2);
  expect(other).toBeLessThan(before + 2_000);
});
