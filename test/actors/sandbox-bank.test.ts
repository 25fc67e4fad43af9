import { runDurableObjectAlarm, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { refundIdOf } from "../../schema/ids.ts";
import { bankCreate, freshBank, Merchant, openedBank as opened, quiet, secret } from "../fixtures/bank.ts";
import { cny } from "../fixtures/orders.ts";

Merchant.standIn();

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
    const verifier = new Webhook(secret);
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

  test("that has arrived is struck out with the next that is sent, or by the alarm", async () => {
    const { api, stub, merchant, payment } = await opened();
    const events = (due?: string) =>
      runInDurableObject(stub(), (_, { storage }) => {
        if (due) storage.sql.exec(due);
        return storage.sql
          .exec("SELECT event FROM outgoing")
          .toArray()
          .map(({ event }) => event);
      });
    await api().approve(payment.id);
    const [first] = await merchant.hears(1);
    await quiet();
    expect(await events()).toEqual([first?.id]);
    const other = await api().createPayment(bankCreate({ callbackUrl: merchant.url }));
    await api().approve(other.id);
    const [, second] = await merchant.hears(2);
    await quiet();
    expect(await events("UPDATE outgoing SET due_at = 0")).toEqual([second?.id]);
    await runDurableObjectAlarm(stub());
    await quiet();
    expect(await events()).toEqual([]);
    expect(merchant.heard.length).toBe(2);
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
