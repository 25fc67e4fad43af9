import { Stripe } from "stripe";
import { describe, expect, test } from "vitest";
import { orderOf, paymentIdOf, refundIdOf } from "../../../schema/ids.ts";
import type { Outbound } from "../../../worker/providers/port.ts";
import { outboundOf } from "../../../worker/providers/outbound.ts";
import { StripeAccount } from "../../../worker/providers/stripe/account.ts";
import { stripe } from "../../../worker/providers/stripe/adapter.ts";
import { payment, pending } from "../../fixtures/orders.ts";
import { providerConformance } from "../conformance.ts";
import { doors } from "../doors.ts";
import { fresh, offering, type Letter, type LetterFacts, type Provider } from "../provider.ts";
import { StripeEmulator } from "./emulator.ts";

const SECRET = "whsec_of_the_endpoint";
const OTHER_SECRET = "whsec_of_somebody_else";
const ACCOUNT: StripeAccount = {
  secret_key: "sk_test_emulated",
  webhook_secrets: [SECRET],
  creations_per_second: 20,
};

const adapterOf = (send: Outbound, facts: Partial<StripeAccount> = {}) =>
  stripe("main", { ...ACCOUNT, ...facts }, outboundOf(send));

/** Signed by Stripe's own package: the other side is not ours. */
async function sign(body: string, at = Date.now(), secret = SECRET): Promise<Letter> {
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload: body,
    secret,
    timestamp: Math.floor(at / 1_000),
  });
  return {
    headers: new Headers({ "stripe-signature": signature, "content-type": "application/json" }),
    body: new TextEncoder().encode(body),
  };
}

const some = payment(pending());

const STATUS = { succeeded: "succeeded", closed: "canceled", authorized: "requires_capture" } as const;
const TYPE = {
  succeeded: "payment_intent.succeeded",
  closed: "payment_intent.canceled",
  authorized: "payment_intent.amount_capturable_updated",
} as const;

function bodyOf(type: keyof typeof TYPE, { event = "evt_1", payment: of = some, order }: LetterFacts) {
  const { amount, currency } = of.amount;
  const metadata = { payment: of.id, order: order ?? orderOf(of.id) };
  const intent = {
    id: "pi_1",
    object: "payment_intent",
    status: STATUS[type],
    amount,
    amount_received: type === "succeeded" ? amount : 0,
    amount_capturable: type === "authorized" ? amount : 0,
    currency: currency.toLowerCase(),
    metadata,
  };
  return { id: event, object: "event", type: TYPE[type], livemode: false, data: { object: intent } };
}

async function make(): Promise<Provider> {
  const emulator = new StripeEmulator();
  const strange = () =>
    Response.json({ id: "cs_1", object: "checkout.session", status: "dreaming", data: 7 });
  return {
    adapter: adapterOf(emulator.answer),
    oneStep: null,
    twoStep: "checkout",
    afterDecline: "open",
    neverCreated: "made",
    closes: true,
    settle: async () => {},
    approve: async ({ providerRef }) => emulator.approve(providerRef ?? ""),
    decline: async ({ providerRef }) => emulator.decline(providerRef ?? ""),
    unreachable: adapterOf(() => Promise.reject(new Error("connection refused"))),
    silent: adapterOf(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
    ),
    neverSeen: adapterOf(async () => strange()),
    letter: async (type, facts = {}) =>
      type === "failed"
        ? null
        : sign(JSON.stringify(bodyOf(type, facts)), facts.signedAt ?? Date.now(), facts.secret),
    signed: sign,
    rewritten: ({ headers, body }) => ({
      headers,
      body: new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body)), null, 1)),
    }),
    otherSecret: OTHER_SECRET,
    signatureHeaders: ["stripe-signature"],
    freshMs: 5 * 60_000,
    namesOrder: true,
  };
}

providerConformance({ name: "stripe, its own page", make });
doors("stripe", make, {
  settings: {
    STRIPE_ACCOUNT_MAIN: JSON.stringify(ACCOUNT),
    STRIPE_ACCOUNT_OTHER: JSON.stringify({ ...ACCOUNT, webhook_secrets: [OTHER_SECRET] }),
    STRIPE_ACCOUNT_LIVE: JSON.stringify({ ...ACCOUNT, secret_key: "sk_live_emulated" }),
  },
  others: ["stripe/other", "stripe/live", "stripe/nobody", "paypal"],
});
providerConformance({
  name: "stripe, a card on the shop's page",
  make: async () => {
    const provider = await make();
    return { ...provider, twoStep: "card", adapter: offering("card", provider.adapter) };
  },
});

describe("money at Stripe", () => {
  /** What was sent, in order, and an emulator that answers it. */
  function watched(lose: (path: string) => boolean = () => false) {
    let now = Date.now();
    const emulator = new StripeEmulator(ACCOUNT.secret_key, () => now);
    const sent: string[] = [];
    const adapter = adapterOf(async (request) => {
      const { pathname } = new URL(request.url);
      sent.push(`${request.method} ${pathname.replace(/\/(cs|pi)_\w+/, "/$1")}`);
      const answer = await emulator.answer(request);
      if (lose(pathname)) throw new Error("the answer was lost");
      return answer;
    });
    return { emulator, adapter, sent, pass: (ms: number) => (now += ms) };
  }

  test("a creation whose answer was lost is found with its page, and never made twice", async () => {
    let isLost = true;
    const { adapter, emulator } = watched(() => isLost);
    const { of, purchase } = fresh();
    expect((await adapter.create(of, purchase)).kind).toBe("unknown");
    isLost = false;
    const found = await adapter.query(of, purchase);
    expect(found).toMatchObject({ kind: "action_required", action: { type: "redirect" } });
    const ref = "providerRef" in found ? found.providerRef : "";
    emulator.approve(ref);
    expect(await adapter.query(of, purchase)).toMatchObject({ kind: "authorized", amount: of.amount });
    expect(emulator.events.map(({ type }) => type)).toEqual([
      "payment_intent.amount_capturable_updated",
      "checkout.session.completed",
    ]);
  });

  test("a page that was never made and can be no more was never there", async () => {
    const { adapter, pass } = watched();
    const { of, purchase } = fresh();
    pass(10 * 60_000);
    expect(await adapter.query(of, purchase)).toEqual({ kind: "not_found" });
    expect(await adapter.close(of, purchase)).toEqual({ kind: "not_found" });
  });

  test("a page outlives a short time to pay, and is closed by us; a long one it is told", async () => {
    const expiries: number[] = [];
    const adapter = adapterOf(async (request) => {
      expiries.push(Number(new URLSearchParams(await request.text()).get("expires_at")) * 1_000);
      return Response.json({}, { status: 500 });
    });
    const { of, purchase } = fresh();
    await adapter.create(of, purchase);
    await adapter.create(of, { ...purchase, payBy: of.createdAt + 3_600_000 });
    const [short = 0, long = 0] = expiries;
    expect(short).toBeGreaterThanOrEqual(of.createdAt + 30 * 60_000);
    expect(Math.abs(long - (of.createdAt + 3_600_000))).toBeLessThanOrEqual(1_000);
  });

  test("money is taken only by a capture, and what was promised is let go by a close", async () => {
    const { adapter, emulator, sent } = watched();
    const { of, purchase } = fresh();
    const made = await adapter.create(of, purchase);
    const known = { ...of, providerRef: "providerRef" in made ? made.providerRef : "" };
    emulator.approve(known.providerRef);
    expect(await adapter.close(known, purchase)).toEqual({ kind: "closed" });
    expect(sent.at(-1)).toBe("POST /v1/payment_intents/pi/cancel");
    expect((await adapter.capture(known)).kind).toBe("closed");
    expect(emulator.events.map(({ type }) => type)).not.toContain("payment_intent.succeeded");
  });

  test("captured while we closed it: the money is seen, not lost", async () => {
    const { adapter, emulator } = watched();
    const { of, purchase } = fresh();
    const made = await adapter.create(of, purchase);
    const known = { ...of, providerRef: "providerRef" in made ? made.providerRef : "" };
    emulator.approve(known.providerRef);
    const promised = await adapter.query(known, purchase);
    const intent = { ...of, providerRef: "providerRef" in promised ? promised.providerRef : "" };
    expect((await adapter.capture(intent)).kind).toBe("succeeded");
    expect(await adapter.close(known, purchase)).toMatchObject({ kind: "succeeded", amount: of.amount });
  });

  test("what Stripe does not know under a reference it gave us is no answer", async () => {
    const { adapter } = watched();
    const { of, purchase } = fresh();
    for (const providerRef of ["cs_test_1", "pi_1"]) {
      const known = { ...of, providerRef };
      expect((await adapter.query(known, purchase)).kind).toBe("unknown");
      expect((await adapter.close(known, purchase)).kind).toBe("unknown");
      expect((await adapter.capture(known)).kind).toBe("unknown");
    }
  });

  test("a wrong key is no answer, and no word of it is repeated", async () => {
    const adapter = adapterOf(new StripeEmulator("sk_test_another").answer);
    const { of, purchase } = fresh();
    const said = await adapter.create(of, purchase);
    expect(said).toMatchObject({ kind: "unknown" });
    expect(JSON.stringify(said)).not.toContain("sk_test");
  });
});

describe("an event of Stripe", () => {
  const read = async (letter: Letter, facts: Partial<StripeAccount> = {}) =>
    adapterOf(async () => Response.error(), facts).readNotice(letter.headers, letter.body, Date.now());
  const event = (facts: Record<string, unknown>) =>
    sign(JSON.stringify({ ...bodyOf("succeeded", {}), ...facts }));

  test("of a promise is read with what can be captured", async () => {
    expect(await read(await sign(JSON.stringify(bodyOf("authorized", {}))))).toMatchObject({
      ok: true,
      value: { report: { type: "payment_authorized", providerRef: "pi_1", amount: some.amount } },
    });
  });

  test.for([
    ["succeeded", { type: "refund_succeeded" }],
    ["failed", { type: "refund_failed", failure: "expired_or_canceled_card" }],
    ["pending", null],
  ] as const)("of a refund that is %s", async ([status, report]) => {
    const order = orderOf(some.id);
    const refund = refundIdOf(order, 1);
    const object = {
      object: "refund",
      status,
      failure_reason: status === "failed" ? "expired_or_canceled_card" : undefined,
      metadata: { refund, order, payment: paymentIdOf(order, 1) },
    };
    const said = await read(await event({ type: "refund.updated", data: { object } }));
    expect(said).toMatchObject({ ok: true, value: report && { order, report: { ...report, refund } } });
  });

  test("about somebody else's money in the same account, or of another kind, is none of our business", async () => {
    const object = { object: "payment_intent", status: "succeeded", metadata: {} };
    expect(await read(await event({ data: { object } }))).toEqual({ ok: true, value: null });
    expect(await read(await event({ type: "customer.created" }))).toEqual({ ok: true, value: null });
  });

  test("of the other world, live or test, is refused by either", async () => {
    expect(await read(await event({ livemode: true }))).toMatchObject({ ok: false });
    const live = { secret_key: "sk_live_x" };
    expect(await read(await event({ livemode: false }), live)).toMatchObject({ ok: false });
    expect(await read(await event({ livemode: true }), live)).toMatchObject({ ok: true });
  });

  test("signed by the old secret or the new one is Stripe's while a secret is rolled", async () => {
    const rolled = { webhook_secrets: [OTHER_SECRET, SECRET] };
    const body = JSON.stringify(bodyOf("succeeded", {}));
    expect((await read(await sign(body), rolled)).ok).toBe(true);
    expect((await read(await sign(body, Date.now(), OTHER_SECRET), rolled)).ok).toBe(true);
    expect((await read(await sign(body, Date.now(), OTHER_SECRET))).ok).toBe(false);
  });

  test("that our emulator sends is one that Stripe's package accepts, and so do we", async () => {
    const emulator = new StripeEmulator();
    const adapter = adapterOf(emulator.answer);
    const { of, purchase } = fresh();
    const made = await adapter.create(of, purchase);
    emulator.approve("providerRef" in made ? made.providerRef : "");
    const [first] = emulator.events;
    const sent = await sign(JSON.stringify(first?.body));
    const header = sent.headers.get("stripe-signature") ?? "";
    const body = new TextDecoder().decode(sent.body);
    expect((await Stripe.webhooks.constructEventAsync(body, header, SECRET)).id).toBe(first?.id);
    expect(await adapter.readNotice(sent.headers, sent.body, Date.now())).toMatchObject({
      ok: true,
      value: { report: { type: "payment_authorized", payment: of.id, amount: of.amount } },
    });
  });
});

test("an account is its keys, and nothing that only looks like them", () => {
  expect(StripeAccount.safeParse(ACCOUNT).success).toBe(true);
  for (const wrong of [
    {},
    { ...ACCOUNT, secret_key: "pk_live_public" },
    { ...ACCOUNT, webhook_secrets: [] },
    { ...ACCOUNT, webhook_secrets: ["secret"] },
    { ...ACCOUNT, colour: "red" },
  ])
    expect(StripeAccount.safeParse(wrong).success).toBe(false);
});
