import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** A test that hangs must end; a machine that is slow or busy must not fail one. */
const HANGS_MS = 60_000;
const SYSTEM_HANGS_MS = 300_000;
/** A rush is over within seconds, or its holds are: it has the machine to itself. */
const ALONE = "test/system/sale.test.ts";

/**
 * Three kinds of test. `pure` runs the machines in Node, in seconds. `workerd` runs actors, consumers and routes in the real
 * runtime. `system` starts the product as a user does and looks at it from outside, beside others or, in `alone`, by itself.
 */
export default defineConfig({
  test: {
    silent: "passed-only",
    // More workers than Vitest would start on a machine with two cores: they wait more than they compute, `system` most of all.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "pure",
          include: ["test/{machines,simulation,schema}/**/*.test.ts", "test/{architecture,proofs}.test.ts"],
          testTimeout: HANGS_MS,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                ADMIN_KEY: "test-admin-key",
                BUYER_TOKEN_SECRET: "test-buyer-token-secret-of-32-bytes!",
                WEBHOOK_SECRET: "test-webhook-secret-of-32-bytes!!",
                WEBHOOK_HOSTS_ALLOWED: "merchant.test:8080",
                SANDBOX_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                RATE_LIMIT: "off",
                TEST_MIGRATIONS: await readD1Migrations("./schema/migrations"),
              },
            },
          })),
        ],
        test: {
          name: "workerd",
          isolate: false,
          include: ["test/{actors,providers,consumers,routes,pages,security/routes,model}/**/*.test.ts"],
          globalSetup: ["./test/setup/tapes.ts"],
          setupFiles: ["./test/setup/d1.ts"],
          testTimeout: HANGS_MS,
          hookTimeout: HANGS_MS,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{system,security/served}/**/*.test.ts"],
          exclude: [ALONE],
          globalSetup: ["./test/setup/prepared.ts"],
          testTimeout: SYSTEM_HANGS_MS,
          hookTimeout: SYSTEM_HANGS_MS,
        },
      },
      {
        test: {
          name: "alone",
          include: [ALONE],
          globalSetup: ["./test/setup/prepared.ts"],
          testTimeout: SYSTEM_HANGS_MS,
          hookTimeout: SYSTEM_HANGS_MS,
          // After everything else: Vitest runs what may not be beside anything last.
          fileParallelism: false,
        },
      },
    ],
  },
});
