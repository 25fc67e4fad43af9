import { describe, expect, test, vi } from "vitest";
import { orderOf, refundIdOf } from "../../../schema/ids.ts";
import { decimalOf, moneyOf } from "../../../worker/providers/decimal.ts";
import { outboundOf } from "../../../worker/providers/outbound.ts";
import { PayPalAccount } from "../../../worker/providers/paypal/account.ts";
import { paypal } from "../../../worker/providers/paypal/adapter.ts";
import type { Outbound } from "../../../worker/providers/port.ts";
import { payment, pending } from "../../fixtures/orders.ts";
import { providerConformance } from "../conformance.ts";
import { doors } from "../doors.ts";
import { keyPair } from "../keys.ts";
import { fresh, type Letter, type LetterFacts, type Provider } from "../provider.ts";
import { PayPalEmulator } from "./emulator.ts";

const [own, stranger] = await Promise.all([keyPair(), keyPair()]);
const someone = new PayPalEmulator(own);

const ACCOUNT: PayPalAccount = {
  client_id: someone.clientId,
  client_secret: someone.clientSecret,
  webhook_id: someone.webhookId,
  environment: "production",
  creations_per_second: 50,
};
const adapterOf = (send: Outbound, facts: Partial<PayPalAccount> = {}) =>
  paypal("main", { ...ACCOUNT, ...facts }, outboundOf(send));

const some = payment(pending());

const sign = async (body: string, pair = own, at = Date.now()): Promise<Letter> => ({
  headers: await someone.signed(body, pair, at),
  body: new TextEncoder().encode(body),
});

const bodyOf = (status: string, { event = "evt_1", payment: of = some }: LetterFacts) =>
  JSON.stringify({
    id: event,
    event_type: `PAYMENT.CAPTURE.${status}`,
    resource: {
      id: "CAP1",
      status,
      amount: { currency_code: of.amount.currency, value: decimalOf(of.amount) },
      custom_id: of.id,
      supplementary_data: { related_ids: { order_id: "ORDER1" } },
    },
  });

async function make(): Promise<Provider> {
  const emulator = new PayPalEmulator(own);
  const strange: Outbound = async ({ url }) =>
    url.endsWith("/token")
      ? Response.json({ access_token: "t", expires_in: 900 })
      : Response.json({ id: "X", status: "DREAMING" });
  return {
    adapter: adapterOf(emulator.answer),
    oneStep: null,
    twoStep: "paypal",
    afterDecline: "open",
    neverCreated: "made",
    closes: false,
    settle: async () => {},
    approve: async ({ providerRef }) => emulator.approve(providerRef ?? ""),
    decline: async () => {},
    unreachable: adapterOf(() => Promise.reject(new Error("connection refused"))),
    silent: adapterOf(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
    ),
    neverSeen: adapterOf(strange),
    letter: async (type, facts = {}) => {
      if (type === "closed") return null;
      return sign(
        bodyOf(type === "succeeded" ? "COMPLETED" : "DECLINED", facts),
        facts.secret ? stranger : own,
        facts.signedAt,
      );
    },
    signed: (body) => sign(body),
    rewritten: ({ headers, body }) => ({
      headers,
      body: new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body)), null, 1)),
    }),
    otherSecret: "the key of somebody else",
    signatureHeaders: [
      "paypal-transmission-id",
      "paypal-transmission-time",
      "paypal-transmission-sig",
      "paypal-cert-url",
      "paypal-auth-algo",
    ],
    freshMs: 73 * 3_600_000,
    namesOrder: false,
  };
}

providerConformance({ name: "paypal", make });
// The door asks PayPal, through the one way out there is.
vi.stubGlobal("fetch", (request: Request) => someone.answer(request));
doors("paypal", make, {
  settings: {
    PAYPAL_ACCOUNT_MAIN: JSON.stringify(ACCOUNT),
    PAYPAL_ACCOUNT_OTHER: JSON.stringify({ ...ACCOUNT, webhook_id: "OTHERWEBHOOK1" }),
  },
  others: ["paypal/other", "paypal/nobody", "stripe"],
});

describe("money at PayPal", () => {
  test("a creation whose answer was lost is found under its request id, and is one order", async () => {
    const emulator = new PayPalEmulator(own);
    let isLost = true;
    const adapter = adapterOf(async (request) => {
      const answer = await emulator.answer(request);
      if (isLost && request.url.endsWith("/orders")) throw new Error("the answer was lost");
      return answer;
    });
    const { of, purchase } = fresh();
    expect((await adapter.create(of, purchase)).kind).toBe("unknown");
    isLost = false;
    const found = await adapter.query(of, purchase);
    expect(found).toMatchObject({ kind: "action_required", action: { type: "redirect" } });
    expect(await adapter.create(of, purchase)).toEqual(found);
  });

  test("a token is asked for once, and again when PayPal knows it no more", async () => {
    let tokens = 0;
    let isKnown = true;
    const adapter = adapterOf(async ({ url }) => {
      if (!url.endsWith("/token")) return Response.json({ name: "NO" }, { status: isKnown ? 404 : 401 });
      tokens++;
      return Response.json({ access_token: "t", expires_in: 900 });
    });
    const { of, purchase } = fresh();
    const ask = () => adapter.query({ ...of, providerRef: "ORDER1" }, purchase);
    await ask();
    await ask();
    expect(tokens).toBe(1);
    isKnown = false;
    await ask();
    await ask();
    expect(tokens).toBe(2);
  });

  test("amounts have the digits of their currency", () => {
    for (const [amount, currency, decimal] of [
      [19_900, "USD", "199.00"],
      [1, "EUR", "0.01"],
      [500, "JPY", "500"],
    ] as const) {
      expect(decimalOf({ amount, currency })).toBe(decimal);
      expect(moneyOf(decimal, currency)).toEqual({ amount, currency });
    }
    for (const wrong of ["1", "1.0", "1.000", "-1.00", "", "1e2"]) expect(moneyOf(wrong, "USD")).toBeNull();
  });
});

describe("an event of PayPal", () => {
  const adapter = adapterOf(someone.answer);
  const read = async (body: string) => {
    const { headers, body: bytes } = await sign(body);
    return adapter.readNotice(headers, bytes, Date.now());
  };

  test("of an approval is a promise, of a refund names it", async () => {
    const emulator = new PayPalEmulator(own);
    const of = { ...fresh().of };
    const made = await adapterOf(emulator.answer).create(of, fresh().purchase);
    emulator.approve("providerRef" in made ? made.providerRef : "");
    expect(await read(JSON.stringify(emulator.events[0]))).toMatchObject({
      value: { report: { type: "payment_authorized", payment: of.id, amount: of.amount } },
    });
    const invoice_id = refundIdOf(orderOf(some.id), 1);
    const event = {
      id: "WH-1",
      event_type: "PAYMENT.CAPTURE.REFUNDED",
      resource: { status: "COMPLETED", invoice_id },
    };
    expect(await read(JSON.stringify(event))).toMatchObject({
      value: { report: { type: "refund_succeeded", refund: invoice_id } },
    });
  });

  test("of another shop in the same account is none of our business", async () => {
    const event = { id: "WH-1", event_type: "PAYMENT.CAPTURE.COMPLETED", resource: { id: "CAP1" } };
    expect(await read(JSON.stringify(event))).toEqual({ ok: true, value: null });
    expect(await read(JSON.stringify({ ...event, event_type: "BILLING.PLAN.CREATED" }))).toEqual({
      ok: true,
      value: null,
    });
  });

  test("that PayPal cannot be asked about is not accepted, so that it comes again", async () => {
    const { headers, body } = await sign(bodyOf("COMPLETED", {}));
    const alone = adapterOf(() => Promise.reject(new Error("connection refused")));
    expect(await alone.readNotice(headers, body, Date.now())).toMatchObject({ ok: false });
  });

  test("whose certificate is anybody else's is refused unasked", async () => {
    let asked = 0;
    const counting = adapterOf(async (request) => (asked++, someone.answer(request)));
    const { headers, body } = await sign(bodyOf("COMPLETED", {}));
    for (const url of [
      "https://evil.example/cert",
      "http://api.paypal.com/c",
      "https://api.paypal.com.evil.example/c",
    ]) {
      headers.set("paypal-cert-url", url);
      expect(await counting.readNotice(headers, body, Date.now())).toMatchObject({ ok: false });
    }
    expect(asked).toBe(0);
  });
});

test("an account is its keys, and nothing that only looks like them", () => {
  expect(PayPalAccount.safeParse(ACCOUNT).success).toBe(true);
  for (const wrong of [{ client_id: "x" }, { client_secret: "" }, { webhook_id: "not an id" }])
    expect(PayPalAccount.safeParse({ ...ACCOUNT, ...wrong }).success).toBe(false);
});
