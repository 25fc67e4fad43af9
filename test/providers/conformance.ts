import { describe, expect, test } from "vitest";
import { refundIdOf } from "../../schema/ids.ts";
import type { Order, Payment, Refund } from "../../schema/order.ts";
import type { PaymentOutcome, PaymentProvider } from "../../worker/providers/port.ts";
import { refund } from "../fixtures/orders.ts";
import { notices } from "./conformance-notices.ts";
import { fresh, type Provider } from "./provider.ts";

/** The payment as the order keeps it once it has heard this. */
const after = (of: Payment, outcome: PaymentOutcome): Payment =>
  "providerRef" in outcome ? { ...of, providerRef: outcome.providerRef } : of;

/** The promises of `PaymentProvider`, which every adapter keeps. */
export function providerConformance({ name, make }: { name: string; make: () => Promise<Provider> }): void {
  describe.concurrent(`${name}: money`, () => money(make));
  describe.concurrent(`${name}: refunds`, () => refunds(make));
  describe.concurrent(`${name}: unknown is an answer`, () => unknowns(make));
  describe(`${name}: a notice`, () => notices(make));
}

async function created(make: () => Promise<Provider>, way: "oneStep" | "twoStep" | null = null) {
  const provider = await make();
  const { order, of: first, purchase } = fresh(way && provider[way]);
  const outcome = await provider.adapter.create(first, purchase);
  return { ...provider, order, first, purchase, outcome, of: after(first, outcome) };
}

/** A payment whose money we have, by whichever way the provider's default method goes. */
async function paid(make: () => Promise<Provider>) {
  const all = await created(make);
  await all.approve(all.of);
  const said = await all.adapter.query(all.of, all.purchase);
  const of = after(all.of, said);
  if (said.kind === "authorized") await all.adapter.capture(of);
  return { ...all, of };
}

const TAKEN = expect.stringMatching(/^(authorized|succeeded)$/);

function money(make: () => Promise<Provider>): void {
  test("created: the buyer is sent somewhere, and a repeat is the same payment", async () => {
    const { adapter, first, purchase, outcome } = await created(make);
    expect(outcome).toMatchObject({ kind: "action_required", action: { type: expect.any(String) } });
    expect(await adapter.create(first, purchase)).toEqual(outcome);
    expect(await Promise.all([1, 2].map(() => adapter.create(first, purchase)))).toEqual([outcome, outcome]);
  });

  test("created again after the buyer paid: it says so", async () => {
    const { adapter, approve, first, of, purchase } = await created(make);
    await approve(of);
    expect(await adapter.create(first, purchase)).toMatchObject({ kind: TAKEN });
  });

  test("created, and the answer lost: it is found, paid or not", async () => {
    const { adapter, approve, first, of, purchase } = await created(make);
    expect(["action_required", "open"]).toContain((await adapter.query(first, purchase)).kind);
    await approve(of);
    expect(await adapter.query(first, purchase)).toMatchObject({ kind: TAKEN, amount: of.amount });
  });

  test("asked: open, then paid with the provider's id and the amount", async () => {
    const { adapter, approve, of, purchase } = await created(make);
    expect((await adapter.query(of, purchase)).kind).toBe("open");
    await approve(of);
    const said = await adapter.query(of, purchase);
    expect(said).toEqual({ kind: TAKEN, providerRef: expect.any(String), amount: of.amount });
  });

  test("declined: failed with the provider's reason, or open to another try", async () => {
    const { adapter, decline, of, purchase, afterDecline } = await created(make);
    await decline(of);
    const said = await adapter.query(of, purchase);
    expect(said.kind).toBe(afterDecline);
    if (said.kind === "failed") expect(said.failure).toMatch(/./);
  });

  test("what was never created is nobody's money", async () => {
    const { adapter, neverCreated } = await make();
    const { order, of, purchase } = fresh();
    const expected = { not_found: "not_found", made: "action_required", open: "open" }[neverCreated];
    expect((await adapter.query(of, purchase)).kind).toBe(expected);
    const closed = { not_found: "not_found", made: "closed", open: "open" }[neverCreated];
    expect((await adapter.close(of, purchase)).kind).toBe(closed);
    expect(["not_found", "unknown"]).toContain((await adapter.queryRefund(refund(order), of)).kind);
    expect((await adapter.capture(of)).kind).not.toBe("succeeded");
    expect((await adapter.refund(refund(order), of)).kind).not.toBe("succeeded");
  });

  test("closed: nobody can pay any more, and closing again is harmless", async () => {
    const { adapter, approve, of, purchase, neverCreated, closes } = await created(make);
    // Where a payment comes to be with its buyer there is nothing to close before.
    if (neverCreated === "open") return;
    expect(await adapter.close(of, purchase)).toEqual({ kind: "closed" });
    expect(await adapter.close(of, purchase)).toEqual({ kind: "closed" });
    await approve(of);
    const said = await adapter.query(of, purchase);
    expect(said.kind).toBe(closes ? "closed" : "authorized");
    expect(await adapter.close(of, purchase)).toEqual({ kind: "closed" });
  });

  test("closed too late: money that was taken stays, and money that was promised is let go", async () => {
    const one = await created(make, "oneStep");
    if (one.oneStep) {
      await one.approve(one.of);
      expect(await one.adapter.close(one.of, one.purchase)).toMatchObject({
        kind: "succeeded",
        amount: one.of.amount,
      });
      expect((await one.adapter.query(one.of, one.purchase)).kind).toBe("succeeded");
    }
    const two = await created(make, "twoStep");
    if (!two.twoStep) return;
    await two.approve(two.of);
    expect(await two.adapter.close(two.of, two.purchase)).toEqual({ kind: "closed" });
    if (!two.closes) return;
    expect(await two.adapter.query(two.of, two.purchase)).toEqual({ kind: "closed" });
    expect((await two.adapter.capture(two.of)).kind).not.toBe("succeeded");
  });

  test("authorized, then captured, however often; captured unasked is neither", async () => {
    const { adapter, approve, of, purchase, twoStep } = await created(make, "twoStep");
    if (!twoStep) return;
    expect(["open", "unknown"]).toContain((await adapter.capture(of)).kind);
    await approve(of);
    const said = await adapter.query(of, purchase);
    expect(said).toMatchObject({ kind: "authorized", amount: of.amount });
    const promised = after(of, said);
    const captured = await adapter.capture(promised);
    expect(captured).toMatchObject({ kind: "succeeded", amount: of.amount });
    expect(await adapter.capture(promised)).toEqual(captured);
  });

  test("a capture of something else than was authorized takes nothing", async () => {
    const { adapter, approve, of, purchase, twoStep } = await created(make, "twoStep");
    if (!twoStep) return;
    await approve(of);
    const promised = after(of, await adapter.query(of, purchase));
    const more = { ...promised, amount: { ...of.amount, amount: of.amount.amount + 1 } };
    expect((await adapter.capture(more)).kind).toBe("unknown");
    expect(await adapter.query(promised, purchase)).toMatchObject({ kind: "authorized" });
  });
}

function refunds(make: () => Promise<Provider>): void {
  const part = (order: Order, of: Payment, ordinal: number, amount: number): Refund =>
    refund(order, {
      id: refundIdOf(order.order, ordinal),
      payment: of.id,
      amount: { ...of.amount, amount },
    });

  test("refunded in parts, each once however often it is asked for, never beyond the whole", async () => {
    const { adapter, settle, order, of } = await paid(make);
    const whole = of.amount.amount;
    const end = async (wanted: Refund) => {
      const said = await adapter.refund(wanted, of);
      if (said.kind !== "pending") return said.kind;
      await settle();
      return (await adapter.queryRefund(wanted, of)).kind;
    };
    const most = part(order, of, 1, whole - 1);
    const asked = await Promise.all([1, 2, 3].map(() => adapter.refund(most, of)));
    for (const { kind } of asked) expect(["succeeded", "pending"]).toContain(kind);
    await settle();
    expect(await adapter.queryRefund(most, of)).toEqual({ kind: "succeeded" });
    expect(await end(part(order, of, 2, 2))).toBe("failed");
    expect(await end(part(order, of, 3, 1))).toBe("succeeded");
    expect(await end(part(order, of, 4, 1))).toBe("failed");
  });

  test("what was never captured is not refunded", async () => {
    const { adapter, order, of } = await created(make);
    expect(["failed", "unknown"]).toContain(
      (await adapter.refund(refund(order, { payment: of.id }), of)).kind,
    );
  });

  test("a refund that was never asked for is not found", async () => {
    const { adapter, order, of } = await paid(make);
    expect(await adapter.queryRefund(refund(order, { payment: of.id }), of)).toEqual({ kind: "not_found" });
  });
}

function unknowns(make: () => Promise<Provider>): void {
  const calls = (adapter: PaymentProvider) => {
    const { order, of, purchase } = fresh();
    const known = { ...of, providerRef: "ref_of_the_provider" };
    return Promise.all([
      adapter.create(of, purchase),
      adapter.query(of, purchase),
      adapter.close(of, purchase),
      adapter.capture(known),
      adapter.refund(refund(order), known),
      adapter.queryRefund(refund(order), known),
    ]);
  };
  const unknown = { kind: "unknown", cause: expect.stringMatching(/./) };

  test.for(["unreachable", "neverSeen"] as const)("%s: every call", async (world) => {
    expect(await calls((await make())[world])).toEqual(Array.from({ length: 6 }, () => unknown));
  });

  test("no answer: every call, within five seconds", async () => {
    const { silent } = await make();
    const before = Date.now();
    expect(await calls(silent)).toEqual(Array.from({ length: 6 }, () => unknown));
    expect(Date.now() - before).toBeLessThan(5_000);
  }, 10_000);
}
