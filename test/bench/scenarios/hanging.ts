import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, progress, type Scenario, type Section } from "../harness.ts";
import { clientOf, loaded, orders, SECRETS, serve } from "../ours.ts";

/** What buyers feel of a provider that answers nobody while others pay there. */
const ROUNDS = 7;
const REQUESTS = 2_000;
/** Few enough that answers wait for their own work and not for each other. */
const CONNECTIONS = 8;
const PAYING = 200;
const HANG_MS = 30_000;
const SETTLE_MS = 10_000;
/** What Stripe answers when it answers. */
const PAGE = {
  id: "cs_bench",
  object: "checkout.session",
  status: "open",
  url: "https://checkout.stripe.com/c/pay/cs_bench",
  payment_intent: null,
};

const ACCOUNT = {
  secret_key: "sk_test_bench",
  webhook_secrets: ["whsec_bench"],
  creations_per_second: 10_000,
};

export const hanging: Scenario = {
  name: "hanging",
  async run(): Promise<Section> {
    const bindings = {
      ...SECRETS,
      PROVIDERS: "stripe",
      STRIPE_ACCOUNT_MAIN: JSON.stringify(ACCOUNT),
      RATE_LIMIT: "off",
      REQUEST_LOG: "off",
    };
    const dir = mkdtempSync(join(tmpdir(), "doorbuster-bench-"));
    let isHanging = false;
    const served = await serve("wrangler.toml", bindings, dir, async () => {
      if (isHanging) await new Promise((resolve) => setTimeout(resolve, HANG_MS));
      return Response.json(PAGE);
    });
    const client = clientOf(served);
    await client.defineSale("bench", "bench-lamp", { stock: 10_000_000, holdSeconds: 86_400, gates: 0 });

    /** Buyers who start to pay; nobody waits for what the provider says. */
    const pay = async (count: number, round: string): Promise<void> => {
      await Promise.all(
        Array.from({ length: count }, async (_, n) => {
          const token = await client.token(`payer-${round}-${n}`);
          const { body } = await client.order(token, "bench", "bench-lamp");
          void client
            .call("POST", `/v1/orders/${body.id}/payments`, token, { provider: "stripe" })
            .catch(() => {});
        }),
      );
    };

    const calm: number[][] = [];
    const hung: number[][] = [];
    for (let round = 0; round <= ROUNDS; round++)
      for (const [hangs, into] of [
        [false, calm],
        [true, hung],
      ] as const) {
        const requests = await orders(client, "bench", "bench-lamp", REQUESTS);
        isHanging = hangs;
        // The first who pays after a break finds out whether the provider is back.
        if (!hangs) await pay(1, `first-${round}`);
        await pay(PAYING, `${round}-${hangs}`);
        const { p50Ms, p99Ms } = await loaded(
          { port: served.port, connections: CONNECTIONS, requests },
          "201",
        );
        progress(
          `round ${round} ${hangs ? "hanging" : "answering"}: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`,
        );
        if (round > 0) into.push([p50Ms, p99Ms]);
        // Whoever still waits for the provider is let go before the next measurement, and its circuit may be tried again.
        await new Promise((resolve) => setTimeout(resolve, hangs ? SETTLE_MS : 0));
      }
    await served.dispose();
    const of = (rounds: number[][], at: number): number => median(rounds.map((one) => one[at] ?? 0));
    const row = (name: string, rounds: number[][]) => [
      name,
      `${of(rounds, 0).toFixed(1)} ms`,
      `${of(rounds, 1).toFixed(1)} ms`,
    ];
    return {
      title: "Orders beside a provider that hangs",
      text: `${REQUESTS.toLocaleString("en")} orders a round over ${CONNECTIONS} connections, while ${PAYING} others start to pay; in turn at a provider that answers at once and at one that answers nobody for ${HANG_MS / 1_000} s. Medians of ${ROUNDS} rounds.`,
      head: ["", "p50", "p99"],
      rows: [row("the provider answers", calm), row("the provider hangs", hung)],
      end: `p99 beside the provider that hangs is ${(of(hung, 1) / of(calm, 1)).toFixed(2)} of p99 beside the one that answers.`,
    };
  },
};
