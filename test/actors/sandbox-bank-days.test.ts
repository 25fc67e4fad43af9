import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { LIE_MS, OVERTAKE_MS_MAX } from "../../durable-objects/sandbox-bank/machine.ts";
import type { BankApi, BankCreate } from "../../schema/actors.ts";
import { refundIdOf } from "../../schema/ids.ts";
import { bankCreate, freshBank, Merchant, openedBank as opened, quiet } from "../fixtures/bank.ts";
import { cny } from "../fixtures/orders.ts";

Merchant.standIn();

const stateOf = async (bank: BankApi, { reference }: BankCreate) =>
  (await bank.queryPayment(reference))?.state;

describe.concurrent("the switch `callbacks`", () => {
  test("none: the payment succeeds and nobody is told", async () => {
    const { api, merchant, payment, request } = await opened({ callbacks: "none" });
    await api().approve(payment.id);
    await quiet();
    expect([await stateOf(api(), request), merchant.types()]).toEqual(["succeeded", []]);
  });

  test("duplicate: each comes three times under one id", async () => {
    const { api, merchant, payment } = await opened({ callbacks: "duplicate" });
    await api().approve(payment.id);
    await merchant.hears(3);
    await quiet();
    expect(merchant.heard.length).toBe(3);
    expect(new Set(merchant.heard.map(({ id }) => id)).size).toBe(1);
  });

  test("delayed: comes after its delay and not before", async () => {
    const { api, merchant, payment } = await opened({ callbacks: "delayed", delayMs: 600 });
    const before = Date.now();
    await api().approve(payment.id);
    const [heard] = await merchant.hears(1);
    expect((heard?.at ?? 0) - before).toBeGreaterThanOrEqual(590);
  });

  test("reordered: the older news comes after the newer, and the last is not lost", async () => {
    const { api, merchant, payment, request } = await opened({ callbacks: "reordered" });
    await api().approve(payment.id);
    await merchant.hears(2, 1_500);
    expect(merchant.types()).toEqual(["payment.succeeded", "payment.failed"]);
    await api().refundPayment({
      reference: refundIdOf(request.order, 1),
      payment: request.reference,
      amount: cny(100),
    });
    await quiet();
    expect(merchant.heard.length).toBe(2);
    await merchant.hears(3, OVERTAKE_MS_MAX + 1_000);
  }, 10_000);

  test("reordered: a capture overtakes the authorization it followed", async () => {
    const { api, merchant, payment, request } = await opened({ callbacks: "reordered" }, { method: "card" });
    await api().approve(payment.id);
    await merchant.hears(2, 1_500);
    await api().capturePayment(request.reference, request.amount);
    await api().refundPayment({
      reference: refundIdOf(request.order, 1),
      payment: request.reference,
      amount: cny(1),
    });
    await merchant.hears(4, 1_500);
    const news = ["payment.authorized", "payment.failed", "refund.succeeded", "payment.succeeded"];
    expect(merchant.types()).toEqual(news);
  }, 10_000);

  test("amount_delta: callbacks lie about the amount, queries do not", async () => {
    const { api, merchant, payment, request } = await opened({ amountDelta: -1 });
    await api().approve(payment.id);
    await merchant.hears(1);
    expect(merchant.heard[0]?.data.amount).toBe(19_899);
    expect((await api().queryPayment(request.reference))?.amount).toEqual(cny(19_900));
  });

  test("is frozen when a payment is created, for later ones only, and complete again with an empty day", async () => {
    const { api, merchant, payment } = await opened({ callbacks: "none", query: "error" });
    expect(await api().behave({ delayMs: 5 })).toEqual({
      callbacks: "normal",
      delayMs: 5,
      amountDelta: 0,
      create: "normal",
      close: "normal",
      query: "normal",
    });
    await api().approve(payment.id);
    const later = await api().createPayment(bankCreate({ callbackUrl: merchant.url }));
    await api().approve(later.id);
    await merchant.hears(1);
    await quiet();
    expect(merchant.heard.map(({ data }) => data.payment)).toEqual([later.id]);
  });
});

describe.concurrent("the switch `create`", () => {
  const raced = (call: Promise<unknown>) =>
    Promise.race([
      call.then(
        () => "answered",
        () => "threw",
      ),
      scheduler.wait(4_000).then(() => "late"),
    ]);

  test("timeout_applied: the answer is late, the payment exists at once, and others are served meanwhile", async () => {
    const bank = freshBank();
    const merchant = new Merchant();
    await bank.api().behave({ create: "timeout_applied" });
    const request = bankCreate({ callbackUrl: merchant.url });
    const hanging = bank.api().createPayment(request);
    const race = raced(hanging);
    await scheduler.wait(50);
    const before = Date.now();
    const known = await bank.api().queryPayment(request.reference);
    expect(Date.now() - before).toBeLessThan(1_000);
    expect(known?.state).toBe("requires_action");
    await bank.api().behave({});
    // Repeated, it answers at once with the one payment there is; the buyer pays before the first answer.
    expect((await bank.api().createPayment(request)).id).toBe(known?.id);
    await bank.api().approve(known?.id ?? "");
    await merchant.hears(1, 1_000);
    expect(await race).toBe("late");
    expect((await hanging).state).toBe("succeeded");
  }, 15_000);

  test("timeout_lost: the answer is late and the payment never exists", async () => {
    const bank = freshBank();
    await bank.api().behave({ create: "timeout_lost" });
    const request = bankCreate();
    const hanging = bank.api().createPayment(request);
    const end = hanging.then(
      () => "answered",
      () => "threw",
    );
    expect(await raced(hanging)).toBe("late");
    expect(await bank.api().queryPayment(request.reference)).toBeNull();
    expect(await end).toBe("threw");
    expect(await bank.api().queryPayment(request.reference)).toBeNull();
  }, 15_000);

  test("error: refused at once, nothing exists, and a better day creates it", async () => {
    const bank = freshBank();
    await bank.api().behave({ create: "error" });
    const request = bankCreate();
    expect(await raced(bank.api().createPayment(request))).toBe("threw");
    expect(await bank.api().queryPayment(request.reference)).toBeNull();
    await bank.api().behave({});
    expect((await bank.api().createPayment(request)).state).toBe("requires_action");
  });
});

describe.concurrent("the switch `close`", () => {
  test("lies_closed_then_succeeds: answers closed, then succeeds and says so, however often it is closed", async () => {
    const { api, merchant, payment, request } = await opened({ close: "lies_closed_then_succeeds" });
    expect(await api().closePayment(request.reference)).toMatchObject({
      ok: true,
      value: { state: "closed" },
    });
    expect(await api().closePayment(request.reference)).toMatchObject({
      ok: true,
      value: { state: "closed" },
    });
    expect(await stateOf(api(), request)).toBe("closed");
    await merchant.hears(1, LIE_MS + 1_500);
    expect(merchant.types()).toEqual(["payment.succeeded"]);
    expect((await api().readPayment(payment.id))?.state).toBe("succeeded");
  });

  test("the lie comes out although the bank was evicted, and although the payment's time was over", async () => {
    const { api, stub, merchant, request } = await opened(
      { close: "lies_closed_then_succeeds" },
      { expiresAt: Date.now() - 1 },
    );
    await api().closePayment(request.reference);
    await evictDurableObject(stub());
    await merchant.hears(1, LIE_MS + 1_500);
    expect(merchant.types()).toEqual(["payment.succeeded"]);
  });

  test("error: throws, and the payment can still be paid", async () => {
    const { api, payment, request } = await opened({ close: "error" });
    const said = await api()
      .closePayment(request.reference)
      .then(
        () => "answered",
        () => "threw",
      );
    expect(said).toBe("threw");
    expect(await api().approve(payment.id)).toMatchObject({ ok: true });
  });
});

test("the switch `query`, error: throws while the payment goes on", async () => {
  const { api, payment, request } = await opened({ query: "error" });
  const asked = () =>
    api()
      .queryPayment(request.reference)
      .then(
        () => "answered",
        () => "threw",
      );
  expect(await asked()).toBe("threw");
  await api().approve(payment.id);
  expect([await asked(), (await api().readPayment(payment.id))?.state]).toEqual(["threw", "succeeded"]);
});
