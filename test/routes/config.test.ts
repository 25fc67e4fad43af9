import { describe, expect, test } from "vitest";
import { readConfig } from "../../worker/config.ts";

const LOCAL = {
  ENVIRONMENT: "local",
  PROVIDERS: "sandbox",
  RATE_LIMIT: "on",
  ADMIN_KEY: "an-admin-key-long-enough",
  BUYER_TOKEN_SECRET: "a-secret-of-at-least-thirty-two-bytes",
  WEBHOOK_SECRET: "another-secret-of-thirty-two-bytes!",
  SANDBOX_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  SANDBOX_BANK: {},
};
const { SANDBOX_BANK: _bank, SANDBOX_WEBHOOK_SECRET: _secret, ...rest } = LOCAL;
const PRODUCTION = { ...rest, ENVIRONMENT: "production", PROVIDERS: "" };

const refusal = (settings: Parameters<typeof readConfig>[0]): string => {
  try {
    readConfig(settings);
    return "starts";
  } catch (cause) {
    return String(cause);
  }
};

describe("a deployment", () => {
  test("with the settings of the local server, or of production, starts", () => {
    expect([refusal(LOCAL), refusal(PRODUCTION)]).toEqual(["starts", "starts"]);
    const behindAccess = { ...PRODUCTION, ACCESS_TEAM: "lamps", ACCESS_AUDIENCE: "staff" };
    expect(refusal(behindAccess)).toBe("starts");
  });

  test.for([
    ["the sandbox offered in production", { ...PRODUCTION, PROVIDERS: "sandbox" }, "is not money"],
    ["the sandbox bank bound in production", { ...PRODUCTION, SANDBOX_BANK: {} }, "SANDBOX_BANK"],
    ["no rate limit in production", { ...PRODUCTION, RATE_LIMIT: "off" }, "RATE_LIMIT=off"],
    ["no environment", { ...LOCAL, ENVIRONMENT: "" }, "ENVIRONMENT is not set"],
    ["no token secret", { ...LOCAL, BUYER_TOKEN_SECRET: "" }, "BUYER_TOKEN_SECRET"],
    [
      "a token secret that is too short",
      { ...LOCAL, BUYER_TOKEN_SECRET: "x".repeat(31) },
      "BUYER_TOKEN_SECRET",
    ],
    ["no webhook secret", { ...LOCAL, WEBHOOK_SECRET: "" }, "WEBHOOK_SECRET"],
    ["private hosts in production", { ...PRODUCTION, WEBHOOK_HOSTS_ALLOWED: "10.0.0.1" }, "WEBHOOK_HOSTS"],
    ["an admin key anybody guesses", { ...LOCAL, ADMIN_KEY: "admin" }, "ADMIN_KEY"],
    ["a provider that does not exist", { ...LOCAL, PROVIDERS: "sandbox, moneybags" }, '"moneybags"'],
    ["a sandbox that cannot sign", { ...LOCAL, SANDBOX_WEBHOOK_SECRET: "plain" }, "SANDBOX_WEBHOOK_SECRET"],
    ["a cashier nobody can read", { ...LOCAL, CASHIER: "{" }, "CASHIER is not JSON"],
    ["a sandbox without its bank", { ...LOCAL, SANDBOX_BANK: undefined }, "SANDBOX_BANK"],
    ["half of Cloudflare Access", { ...PRODUCTION, ACCESS_TEAM: "lamps" }, "ACCESS_AUDIENCE"],
  ] as const)("with %s does not start, and says what to change", ([, settings, word]) => {
    expect(refusal(settings)).toContain("Doorbuster does not start: ");
    expect(refusal(settings)).toContain(word);
  });

  test("that does not start says everything that is wrong at once, and no secret", () => {
    const said = refusal({ ...PRODUCTION, PROVIDERS: "sandbox", RATE_LIMIT: "off", ADMIN_KEY: "hunter2" });
    expect(said.split("; ").length).toBeGreaterThanOrEqual(3);
    expect(said).not.toContain("hunter2");
  });
});
