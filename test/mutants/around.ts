import type { Mutant } from "./mutant.ts";

const TURNSTILE = "durable-objects/turnstile/machine.ts";
const ADDRESS = "durable-objects/webhook/address.ts";
const SECRET = "durable-objects/webhook/secret.ts";
const WEBHOOK = "durable-objects/webhook/machine.ts";
const RECONCILE = "worker/reconciliation/reconcile.ts";
const PROJECTION = "worker/read-models/projection.ts";
const ORDER_EVENTS = "worker/consumers/order-events.ts";
const MEMORY = "durable-objects/gate/sold-out-memory.ts";
const POOL = "durable-objects/gate/pool.ts";
const JOURNAL = "durable-objects/sku/journal-text.ts";

/** Mistakes around the machines: on the way to D1, to merchants and to crowds. */
export const AROUND: readonly Mutant[] = [
  {
    harm: "a provider is asked for more payments a second than it takes",
    file: TURNSTILE,
    was: "const at = Math.max(now, nextAt);",
    is: "const at = now;",
    tests: ["test/machines/turnstile.test.ts"],
  },
  {
    harm: "a quiet night is saved up for a burst",
    file: TURNSTILE,
    was: "nextAt: at + 1_000 / perSecond",
    is: "nextAt: nextAt + 1_000 / perSecond",
    tests: ["test/machines/turnstile.test.ts"],
  },
  {
    harm: "a buyer waits in line for longer than their unit is kept",
    file: TURNSTILE,
    was: "  if (at - now > LINE_MS_MAX) return null;\n",
    is: "",
    tests: ["test/machines/turnstile.test.ts"],
  },
  {
    harm: "a merchant's address leads into the cloud's own network",
    file: ADDRESS,
    was: '.range() === "unicast"',
    is: '.range() !== "private"',
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "a merchant is told over a line that anybody can read",
    file: ADDRESS,
    was: '  if (url.protocol !== "https:") return "is not https";\n',
    is: "",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "a name with a dot at its end leads into a private network",
    file: ADDRESS,
    was: String.raw`url.hostname.replace(/\.$/, "")`,
    is: "url.hostname",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "a rotated secret breaks every receiver at once",
    file: SECRET,
    was: "generation > 1 && now < rotatedAt + OVERLAP_MS",
    is: "generation < 1 && now < rotatedAt + OVERLAP_MS",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "a secret that leaked signs for ever",
    file: SECRET,
    was: "generation > 1 && now < rotatedAt + OVERLAP_MS",
    is: "generation > 1",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "two endpoints have one secret",
    file: SECRET,
    was: "`webhook ${endpoint} ${generation}`",
    is: "`webhook ${generation}`",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "a redirect counts as a delivery",
    file: WEBHOOK,
    was: "attempt.status < 300",
    is: "attempt.status < 400",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "a receiver that wants to hear nothing more is told for three days",
    file: WEBHOOK,
    was: '    if (attempt.status === 410) return { kind: "failed", gone: true };\n',
    is: "",
    tests: ["test/machines/webhook.test.ts"],
  },
  {
    harm: "the bill says less than we do, and nobody hears of it",
    file: RECONCILE,
    was: "if (ours.amountMinor !== amount.amount)",
    is: "if (ours.amountMinor < amount.amount)",
    tests: ["test/consumers/reconcile.test.ts"],
  },
  {
    harm: "a payment that the bill does not have is nobody's business",
    file: RECONCILE,
    was: ".filter(({ id }) => !references.has(id))",
    is: ".filter(({ id }) => id === undefined)",
    tests: ["test/consumers/reconcile.test.ts"],
  },
  {
    harm: "money on the bill that an order has not heard of stays unheard",
    file: RECONCILE,
    was: 'if (order && kind === "theirs")',
    is: 'if (order && kind === "amount")',
    tests: ["test/consumers/reconcile.test.ts"],
  },
  {
    harm: "an order that never had a payment and lost its alarm keeps its unit",
    file: "worker/schedules/sweep.ts",
    was: "  if (born) return;\n",
    is: "  if (born !== undefined) return;\n",
    tests: ["test/consumers/sweep.test.ts"],
  },
  {
    harm: "an order whose payment lost its alarm is never found",
    file: "worker/read-models/late-orders.ts",
    was: '["pending", "paying"]',
    is: '["pending"]',
    tests: ["test/consumers/sweep.test.ts"],
  },
  {
    harm: "old news of an order replaces the new",
    file: PROJECTION,
    was: "WHERE excluded.version > orders.version OR (excluded.version = orders.version AND excluded.rank > orders.rank)",
    is: "WHERE true",
    tests: ["test/consumers/order-events.test.ts", "test/consumers/read-models.test.ts"],
  },
  {
    harm: "what a SKU guesses of an order stands against what the order says",
    file: PROJECTION,
    was: "excluded.rank > orders.rank",
    is: "excluded.rank < orders.rank",
    tests: ["test/consumers/order-events.test.ts", "test/consumers/read-models.test.ts"],
  },
  {
    harm: "old news of a payment replaces the new",
    file: PROJECTION,
    was: "WHERE excluded.version > payments.version",
    is: "WHERE true",
    tests: ["test/consumers/order-events.test.ts", "test/consumers/read-models.test.ts"],
  },
  {
    harm: "of two changes in one batch the older is written",
    file: PROJECTION,
    was: "if (!known || isNewer(change, known))",
    is: "if (!known)",
    tests: ["test/consumers/order-events.test.ts", "test/consumers/read-models.test.ts"],
  },
  {
    harm: "merchants are told nothing",
    file: ORDER_EVENTS,
    was: "if (endpoints.length === 0) return;",
    is: "if (endpoints.length > 0) return;",
    tests: ["test/consumers/order-events.test.ts"],
  },
  {
    harm: "money for an order that never was is nobody's business",
    file: "worker/consumers/provider-events.ts",
    was: "  if (heard) return;\n",
    is: "  if (heard !== undefined) return;\n",
    tests: ["test/consumers/provider-events.test.ts"],
  },
  {
    harm: "a unit that came back is said to be gone for ever",
    file: MEMORY,
    was: "now >= memory.learntAt + REMEMBERED_MS",
    is: "now < memory.learntAt",
    tests: ["test/machines/sold-out-memory.test.ts"],
  },
  {
    harm: "a buyer who has a unit is told that there are none",
    file: MEMORY,
    was: "return mayKnow(memory.soldOut, buyer) ? null",
    is: "return mayKnow(memory.soldOut, buyer) === null ? null",
    tests: ["test/routes/sold-out.test.ts"],
  },
  {
    harm: "a gate gives one buyer the answer of another",
    file: POOL,
    was: "const answer = answers[index];",
    is: "const answer = answers[answers.length - 1 - index];",
    tests: ["test/actors/gate-pool.test.ts"],
  },
  {
    harm: "names in another script make a journal row too long to be told",
    file: JOURNAL,
    was: "utf8BytesOf(json) + FRAME_BYTES",
    is: "json.length + FRAME_BYTES",
  },
  {
    harm: "a large commit makes a journal row too long to be told",
    file: JOURNAL,
    was: "bytes <= ROW_BYTES_MAX || events.length === 1",
    is: "bytes <= 2 * ROW_BYTES_MAX || events.length === 1",
  },
  {
    harm: "an order that has ended is read from the journal with its times exchanged",
    file: JOURNAL,
    was: "    createdAt: w[6],\n    payBy: w[7],\n",
    is: "    createdAt: w[7],\n    payBy: w[6],\n",
  },
];
