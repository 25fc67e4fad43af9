import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import type { BankApi, BankPayment } from "../../schema/actors.ts";
import { orderOf, refundIdOf } from "../../schema/ids.ts";
import type { Payment } from "../../schema/order.ts";
import { sandbox } from "../../worker/providers/sandbox/adapter.ts";
import { freshBank, Merchant, secret } from "../fixtures/bank.ts";
import { payment, pending, placement } from "../fixtures/orders.ts";
import { providerConformance } from "./conformance.ts";
import { doors } from "./doors.ts";
import type { Letter, Provider } from "./provider.ts";
import { bodyOf, hand, otherSecret, sign, some } from "./sandbox-hand.ts";

Merchant.standIn();

/** Every method of a bank, each doing the same. */
const bankOf = (answer: () => Promise<unknown>) => new Proxy({}, { get: () => answer }) as BankApi;

async function make(): Promise<Provider> {
  const bank = freshBank().api();
  const pressing = async (press: "approve" | "decline", { id }: Payment) => {
    await bank[press]((await bank.queryPayment(id))?.id ?? "");
  };
  const strange = { id: "bnk_1", state: "constructor", amount: some.amount } as unknown as BankPayment;
  // Calls that answer with a Result and calls that answer with the thing itself both see the strange word.
  const neverSeen = bankOf(async () => ({ ...strange, ok: true, value: strange }));
  return {
    ...hand(secret),
    adapter: sandbox(bank, secret),
    approve: (of) => pressing("approve", of),
    decline: (of) => pressing("decline", of),
    unreachable: sandbox(
      bankOf(() => Promise.reject(new Error("connection refused"))),
      secret,
    ),
    silent: sandbox(
      bankOf(() => new Promise(() => {})),
      secret,
    ),
    neverSeen: sandbox(neverSeen, secret),
  };
}

providerConformance({ name: "sandbox", make });
doors("sandbox", make, { settings: {}, others: ["sandbox/other", "stripe"] });

describe("the sandbox's own words", () => {
  const adapter = sandbox(freshBank().api(), secret);
  const signed = (body: object) => sign(JSON.stringify(body), Date.now(), secret);
  const read = async ({ headers, body }: Letter) => adapter.readNotice(headers, body, Date.now());

  test.for([
    ["refund.succeeded", "refund_succeeded"],
    ["refund.failed", "refund_failed"],
  ])("%s is about a refund", async ([type, report]) => {
    const reference = refundIdOf(orderOf(some.id), 1);
    const body = bodyOf(type ?? "", {}, Date.now());
    const about = await signed({ ...body, data: { ...body.data, reference } });
    expect(await read(about)).toMatchObject({
      ok: true,
      value: { report: { type: report, refund: reference } },
    });
    const crossed = await signed(body);
    expect(await read(crossed)).toMatchObject({ ok: false, error: { code: "invalid_request" } });
  });

  test("payment.authorized is read", async () => {
    const said = await read(await signed(bodyOf("payment.authorized", {}, Date.now())));
    expect(said).toMatchObject({
      ok: true,
      value: { report: { type: "payment_authorized", amount: some.amount } },
    });
  });

  test("one good signature among several is enough, as when a secret is rotated", async () => {
    const sent = await signed(bodyOf("payment.closed", {}, Date.now()));
    const older = new Webhook(otherSecret).sign("msg_1", new Date(), "x");
    sent.headers.set("webhook-signature", `${older} ${sent.headers.get("webhook-signature") ?? ""}`);
    expect((await read(sent)).ok).toBe(true);
  });

  test("the published vector of Standard Webhooks is ours too", () => {
    const body = '{"test": 2432232314}';
    const signature = new Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      new Date(1_614_265_330_000),
      body,
    );
    expect(signature).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  test("what the bank sends, the adapter reads", async () => {
    const merchant = new Merchant();
    const { order, createdAt } = placement({ createdAt: Date.now() });
    const bank = freshBank().api();
    const of = payment(pending(placement({ order, createdAt })), {
      callbackUrl: merchant.url,
      method: "bank",
    });
    const provider = sandbox(bank, secret);
    const outcome = await provider.create(of, {
      order,
      description: "1 x Red lamp",
      payBy: Date.now() + 60_000,
    });
    if (outcome.kind !== "action_required") throw new Error(outcome.kind);
    expect(outcome.action).toEqual({
      type: "redirect",
      url: `${new URL(merchant.url).origin}/sandbox/payments/${outcome.providerRef}`,
    });
    await bank.approve(outcome.providerRef);
    const [heard] = await merchant.hears(1);
    if (!heard) throw new Error("nothing heard");
    const said = await provider.readNotice(heard.headers, new TextEncoder().encode(heard.text), Date.now());
    const report = {
      type: "payment_succeeded",
      payment: of.id,
      providerRef: outcome.providerRef,
      amount: of.amount,
    };
    expect(said).toMatchObject({ ok: true, value: { event: heard.id, order, report } });
  });
});
