import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { LIE_MS, OVERTAKE_MS_MAX } from "../../durable-objects/sandbox-bank/machine.ts";
import type { BankApi, BankBehaviour, BankCreate } from "../../schema/actors.ts";
import { refundIdOf } from "../../schema/ids.ts";
import { bankCreate, freshBank, Merchant } from "../fixtures/bank.ts";
import { cny } from "../fixtures/orders.ts";

/** A bank with a payment in it, on a day of this kind, and the merchant who hears of it. */
async function opened(day: Partial<BankBehaviour> = {}, facts: Partial<BankCreate> = {}) {
  const merchant = new Merchant();
  const bank = freshBank();
  await bank.api().behave(day);
  const request = bankCreate({ callbackUrl: merchant.url, ...facts });
  const payment = await bank.api().createPayment(request);
  return { ...bank, merchant, request, payment, reference: request.reference };
}

const stateOf = async (bank: BankApi, { reference }: BankCreate) =>
  (await bank.queryPayment(reference))?.state;

/** Long enough for a callback that must not come. */
const quiet = () => scheduler.wait(300);

describe.concurrent("a callback", () => {
  test("is a Standard Webhooks POST with the body of the contract, signed over exactly its bytes", async () => {
    const { api, merchant, payment, request } = await opened();
    await api().approve(payment.id);
    const [heard] = await merchant.hears(1);
    if (!heard) throw new Error("nothing heard");
    const { headers, text } = heard;
    const body = JSON.parse(text);
    expect(body).toEqual({
      id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      type: "payment.succeeded",
      created: expect.any(Number),
      data: {
        payment: payment.id,
        reference: request.reference,
        order: request.order,
        amount: 19_900,
        currency: "CNY",
      },
    });
    expect(Math.abs(body.created - Date.now() / 1_000)).toBeLessThan(5);
    expect(headers.get("webhook-id")).toBe(body.id);
    expect(headers.get("content-type")).toBe("application/json");
    const verifier = new Webhook(env.SANDBOX_WEBHOOK_SECRET);
    expect(verifier.verify(text, Object.fromEntries(headers))).toEqual(body);
    expect(() => verifier.verify(`${text} `, Object.fromEntries(headers))).toThrow();
  });

  test("that is answered with a 503 comes again after a second, the same event, and then no more", async () => {
    const { api, merchant, payment } = await opened();
    merchant.answers.push(503);
    await api().approve(payment.id);
    const [first, second] = await merchant.hears(2);
    expect(second?.text).toBe(first?.text);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(950);
    await scheduler.wait(2_300);
    expect(merchant.heard.length).toBe(2);
  });

  test("that is answered with a redirect is not delivered", async () => {
    const { api, merchant, payment } = await opened();
    merchant.answers.push(302);
    await api().approve(payment.id);
    await merchant.hears(2);
  });

  test("that its merchant hangs on is cut off, tried again, and holds up nobody else's", async () => {
    const { api, merchant, payment } = await opened();
    merchant.answers.push("hang");
    await api().approve(payment.id);
    await merchant.hears(1);
    const other = await api().createPayment(bankCreate({ callbackUrl: merchant.url }));
    await api().approve(other.id);
    expect((await merchant.hears(2, 1_000))[1]?.data.payment).toBe(other.id);
    expect((await merchant.hears(3, 8_000))[2]?.data.payment).toBe(payment.id);
  }, 15_000);

  test("that was not delivered is kept through eviction and sent by the alarm alone", async () => {
    const { api, stub, merchant, payment } = await opened();
    merchant.answers.push(500);
    await api().approve(payment.id);
    await merchant.hears(1);
    await quiet();
    await evictDurableObject(stub());
    await merchant.hears(2);
    expect(merchant.heard[1]?.id).toBe(merchant.heard[0]?.id);
  });

  test("that a crash cut off has an alarm that outlives the crash", async () => {
    const { api, stub, merchant, payment } = await opened();
    merchant.answers.push("hang");
    await api().approve(payment.id);
    await merchant.hears(1);
    // The try is under way: what stands in storage must lead to another one without it.
    const alarmAt = await runInDurableObject(stub(), (_, { storage }) => storage.getAlarm());
    const dueAt = await runInDurableObject(
      stub(),
      (_, { storage }) => storage.sql.exec<{ due_at: number }>("SELECT due_at FROM outgoing").one().due_at,
    );
    expect(alarmAt).not.toBeNull();
    expect(alarmAt).toBeLessThanOrEqual(dueAt);
    await runInDurableObject(stub(), (_, state) => {
      state.abort("crash");
    }).catch(() => undefined);
    await merchant.hears(2, 14_000);
    expect(merchant.heard[1]?.id).toBe(merchant.heard[0]?.id);
  }, 25_000);

  test("an alarm that finds nothing due sends nothing twice", async () => {
    const { api, stub, merchant, payment } = await opened();
    await api().approve(payment.id);
    await merchant.hears(1);
    await runDurableObjectAlarm(stub());
    await quiet();
    expect(merchant.heard.length).toBe(1);
  });

  test("of a rush of approvals comes once for each", async () => {
    const { api, merchant } = await opened();
    const payments = await Promise.all(
      Array.from({ length: 60 }, () => api().createPayment(bankCreate({ callbackUrl: merchant.url }))),
    );
    await Promise.all(payments.map(({ id }) => api().approve(id)));
    const heard = await merchant.hears(60);
    await quiet();
    expect(heard.length).toBe(60);
    expect(new Set(heard.map(({ data }) => data.payment)).size).toBe(60);
  });

  test("is given up after the last try, and forgotten", async () => {
    const { api, stub, merchant, payment } = await opened();
    merchant.answers.push(500);
    const storage = <T>(work: (sql: SqlStorage) => T) =>
      runInDurableObject(stub(), (_, state) => work(state.storage.sql));
    await api().approve(payment.id);
    await merchant.hears(1);
    await quiet();
    await storage((sql) => sql.exec("UPDATE outgoing SET tries = 99, due_at = 0").toArray());
    merchant.answers.push(500);
    await runDurableObjectAlarm(stub());
    await merchant.hears(2);
    await quiet();
    expect(await storage((sql) => sql.exec("SELECT * FROM outgoing").toArray())).toEqual([]);
  });
});

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

describe.concurrent("a payment", () => {
  test("has an id that nobody guesses, and one reference has one payment", async () => {
    const { api, payment, request } = await opened();
    expect(payment.id).toMatch(/^bnk_[0-9a-f]{32}$/);
    const again = await Promise.all([api().createPayment(request), api().createPayment(request)]);
    expect(again.map(({ id }) => id)).toEqual([payment.id, payment.id]);
    expect(await api().readPayment(request.reference)).toBeNull();
  });

  test("is approved once however often it is pressed, and told of once", async () => {
    const { api, merchant, payment } = await opened();
    const pressed = await Promise.all([1, 2, 3].map(() => api().approve(payment.id)));
    expect(pressed.map((answer) => answer.ok)).toEqual([true, true, true]);
    await quiet();
    expect(merchant.types()).toEqual(["payment.succeeded"]);
    expect(await api().decline(payment.id)).toEqual({ ok: false, error: { code: "wrong_state" } });
  });

  test("cannot be approved when its time is over", async () => {
    const { api, payment } = await opened({}, { expiresAt: Date.now() - 1 });
    expect(await api().approve(payment.id)).toEqual({ ok: false, error: { code: "wrong_state" } });
  });

  test("by card is authorized, captured, and told of both", async () => {
    const { api, merchant, payment, request } = await opened({}, { method: "card" });
    await api().approve(payment.id);
    await merchant.hears(1);
    await api().capturePayment(request.reference, request.amount);
    await api().capturePayment(request.reference, request.amount);
    await merchant.hears(2);
    await quiet();
    expect(merchant.types()).toEqual(["payment.authorized", "payment.succeeded"]);
  });

  test("is refunded once for each reference, and never beyond what came in", async () => {
    const { api, merchant, payment, request } = await opened();
    await api().approve(payment.id);
    const [one, two] = [refundIdOf(request.order, 1), refundIdOf(request.order, 2)];
    const refund = { reference: one, payment: request.reference, amount: cny(19_000) };
    const answers = await Promise.all([1, 2, 3].map(() => api().refundPayment(refund)));
    expect(answers.map((answer) => answer.ok)).toEqual([true, true, true]);
    expect(await api().refundPayment({ ...refund, reference: two, amount: cny(901) })).toEqual({
      ok: false,
      error: { code: "amount_exceeded" },
    });
    expect((await api().readPayment(payment.id))?.refunded).toEqual(cny(19_000));
    expect([await api().queryRefund(one), await api().queryRefund(two)]).toEqual([
      { state: "succeeded" },
      null,
    ]);
    const heard = await merchant.hears(2);
    await quiet();
    expect(merchant.types()).toEqual(["payment.succeeded", "refund.succeeded"]);
    expect(heard[1]?.data).toMatchObject({ reference: one, payment: payment.id, amount: 19_000 });
  });

  test("that does not exist is not found, and asking writes nothing", async () => {
    const { api, stub } = freshBank();
    const { reference } = bankCreate();
    expect(await api().queryPayment(reference)).toBeNull();
    expect(await api().closePayment(reference)).toEqual({ ok: false, error: { code: "not_found" } });
    expect(await api().approve("bnk_guessed")).toEqual({ ok: false, error: { code: "not_found" } });
    const tables = await runInDurableObject(stub(), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('account', 'outgoing')").toArray(),
    );
    expect(tables).toEqual([]);
  });
});
