import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { offered, providerOf } from "../../worker/providers/registry.ts";

const SANDBOX = { provider: "sandbox", account: "main" };

test("offers what PROVIDERS names and nothing else", () => {
  expect(offered({ ...env, PROVIDERS: "sandbox" })).toEqual(["sandbox"]);
  expect(offered({ ...env, PROVIDERS: "" })).toEqual([]);
  expect(providerOf({ ...env, PROVIDERS: "" }, SANDBOX)).toBeNull();
  expect(providerOf(env, { ...SANDBOX, provider: "constructor" })).toBeNull();
  expect(providerOf(env, SANDBOX)?.methods.map(({ name }) => name)).toEqual(["bank", "card"]);
});

test("has no play money in production, nor without its bank, nor without a secret to know it by", () => {
  const { SANDBOX_BANK: _, ...bankless } = env;
  const { SANDBOX_WEBHOOK_SECRET: __, ...nameless } = env;
  const production = { ...env, ENVIRONMENT: "production" } as unknown as Env;
  for (const world of [production, bankless, nameless]) {
    expect(providerOf(world, SANDBOX)).toBeNull();
  }
});
