import type { Client } from "../../../worker/local/client.ts";
import { median, progress, type Scenario, type Section } from "../harness.ts";
import { clientOf, loaded, orders, SECRETS, serve } from "../ours.ts";

/** What buyers feel of a provider that answers nobody while others pay there. */
const ROUNDS = 7;
const REQUESTS = 2_000;
/** Few enough that answers wait for their own work and not for each other. */
const CONNECTIONS = 8;
const PAYING = 200;
const HANG_MS = 30_000;
const SALE = "bench";
const SKU = "bench-lamp";
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
const BINDINGS = {
  ...SECRETS,
  PROVIDERS: "stripe",
  STRIPE_ACCOUNT_MAIN: JSON.stringify(ACCOUNT),
  RATE_LIMIT: "off",
  REQUEST_LOG: "off",
};

/** Milliseconds of half and of all but a hundredth of the answers. */
interface Waits {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const hanging: Scenario = {
  name: "hanging",
  async run(): Promise<Section> {
    const rounds: { answers: Waits; hangs: Waits }[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const both = { answers: await waitsBeside(false), hangs: await waitsBeside(true) };
      progress(`round ${round} of ${ROUNDS}: ${textOf(both.answers)}, hanging ${textOf(both.hangs)}`);
      rounds.push(both);
    }
    const ratio = median(rounds.map(({ answers, hangs }) => hangs.p99Ms / answers.p99Ms));
    const row = (name: string, waits: readonly Waits[]) => [
      name,
      `${median(waits.map(({ p50Ms }) => p50Ms)).toFixed(1)} ms`,
      `${median(waits.map(({ p99Ms }) => p99Ms)).toFixed(1)} ms`,
    ];
    return {
      title: "Orders beside a provider that hangs",
      text: `${REQUESTS.toLocaleString("en")} orders a round over ${CONNECTIONS} connections, while ${PAYING} others start to pay; in turn at a provider that answers at once and at one that answers nobody for ${HANG_MS / 1_000} s, each time at a server
of its own: orders that are being paid go on asking, and would be there for the next. Medians of ${ROUNDS} rounds.`,
      head: ["", "p50", "p99"],
      rows: [
        row(
          "the provider answers",
          rounds.map(({ answers }) => answers),
        ),
        row(
          "the provider hangs",
          rounds.map(({ hangs }) => hangs),
        ),
      ],
      end: `p99 beside the provider that hangs is ${ratio.toFixed(2)} of p99 beside the one that answers, the median of ${ROUNDS} ratios.`,
    };
  },
};

const textOf = ({ p50Ms, p99Ms }: Waits): string => `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;

/** How long orders take at a new server while others start to pay at a provider that answers, or at one that does not. */
async function waitsBeside(hangs: boolean): Promise<Waits> {
  const served = await serve("wrangler.toml", BINDINGS, undefined, async () => {
    if (hangs) await new Promise((resolve) => setTimeout(resolve, HANG_MS));
    return Response.json(PAGE);
  });
  const client = clientOf(served);
  await client.defineSale(SALE, SKU, { stock: 10_000_000, holdSeconds: 86_400, gates: 0 });
  const press = async () =>
    loaded(
      {
        port: served.port,
        connections: CONNECTIONS,
        requests: await orders(client, SALE, SKU, REQUESTS),
      },
      "201",
    );
  // What runs for the first time is slow, whoever hangs.
  await press();
  await Promise.all(Array.from({ length: PAYING }, (_, n) => startToPay(client, `payer-${n}`)));
  const waits = await press();
  await served.dispose();
  return waits;
}

/** Places an order and starts to pay; nobody waits for what the provider says. */
async function startToPay(client: Client, buyer: string): Promise<void> {
  const token = await client.token(buyer);
  const { body } = await client.order(token, SALE, SKU);
  void client.call("POST", `/v1/orders/${body.id}/payments`, token, { provider: "stripe" }).catch(() => {});
}
