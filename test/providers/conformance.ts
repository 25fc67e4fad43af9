import { describe, expect, test } from "vitest";
import { orderIdOf, paymentIdOf, refundIdOf, skuNumberOf } from "../../schema/ids.ts";
import type { Order, Payment, Refund } from "../../schema/order.ts";
import type { PaymentProvider } from "../../worker/providers/port.ts";
import { payment, pending, placement, refund } from "../fixtures/orders.ts";

/** Bytes and headers as a provider would send them. */
export interface Letter {
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a letter says, and how it is written; everything defaulted, so that what is set matters. */
export interface LetterFacts {
  readonly event?: string;
  readonly payment?: Payment;
  readonly order?: string;
  readonly signedAt?: number;
  readonly secret?: string;
}

/** One provider behind its adapter, and the hands of everybody who is not us. */
export interface Provider {
  readonly adapter: PaymentProvider;
  /** A method that takes money in two steps; null when the provider has none. */
  readonly twoStep: string | null;
  readonly approve: (payment: Payment) => Promise<void>;
  readonly decline: (payment: Payment) => Promise<void>;
  /** The same adapter before a provider that cannot be reached, never answers, or says words we have never seen. */
  readonly unreachable: PaymentProvider;
  readonly silent: PaymentProvider;
  readonly neverSeen: PaymentProvider;
  readonly letter: (type: "succeeded" | "failed" | "closed", facts?: LetterFacts) => Promise<Letter>;
  /** A properly signed letter with these bytes. */
  readonly signed: (body: string) => Promise<Letter>;
  readonly otherSecret: string;
  readonly signatureHeaders: readonly string[];
}

const SKEW_MS = 5 * 60_000;
const NOW_SLACK_MS = 10_000;

const context = ({ order }: Order) => ({
  order,
  description: "1 x Red lamp",
  payBy: Date.now() + 3_600_000,
});

/** An order of now, and its first payment before anybody has heard of it. */
function fresh(method: string | null = null) {
  const now = Date.now();
  const order = pending(placement({ createdAt: now, payBy: now + 600_000 }));
  const of = payment(order, { method, state: "created", action: null, providerRef: null, createdAt: now });
  return { order, of };
}

/** The promises of `PaymentProvider`, which every adapter keeps. */
export function providerConformance({ name, make }: { name: string; make: () => Promise<Provider> }): void {
  describe.concurrent(`${name}: money`, () => money(make));
  describe.concurrent(`${name}: unknown is an answer`, () => unknowns(make));
  describe(`${name}: a notice`, () => notices(make));
}

function money(make: () => Promise<Provider>): void {
  async function created(method: string | null = null) {
    const provider = await make();
    const { order, of } = fresh(method);
    const outcome = await provider.adapter.create(of, context(order));
    return { ...provider, order, of, outcome };
  }

  test("created: the buyer is sent somewhere, and a repeat is the same payment", async () => {
    const { adapter, order, of, outcome } = await created();
    expect(outcome).toMatchObject({ kind: "action_required", action: { type: expect.any(String) } });
    expect(await adapter.create(of, context(order))).toEqual(outcome);
    expect(await Promise.all([1, 2].map(() => adapter.create(of, context(order))))).toEqual([
      outcome,
      outcome,
    ]);
  });

  test("created again after the buyer paid: it says so", async () => {
    const { adapter, approve, order, of } = await created();
    await approve(of);
    expect(await adapter.create(of, context(order))).toMatchObject({ kind: "succeeded" });
  });

  test("asked: open, then succeeded with the provider's id and the amount", async () => {
    const { adapter, approve, of } = await created();
    expect(await adapter.query(of)).toMatchObject({ kind: "open", providerRef: expect.any(String) });
    await approve(of);
    const said = await adapter.query(of);
    expect(said).toEqual({ kind: "succeeded", providerRef: expect.any(String), amount: of.amount });
  });

  test("declined: failed, with the provider's reason", async () => {
    const { adapter, decline, of } = await created();
    await decline(of);
    expect(await adapter.query(of)).toEqual({ kind: "failed", failure: expect.stringMatching(/./) });
  });

  test("what the provider has never heard of is not found", async () => {
    const { adapter } = await make();
    const { order, of } = fresh();
    expect(await adapter.query(of)).toEqual({ kind: "not_found" });
    expect(await adapter.close(of)).toEqual({ kind: "not_found" });
    expect(await adapter.queryRefund(refund(order), of)).toEqual({ kind: "not_found" });
    expect((await adapter.capture(of)).kind).not.toBe("succeeded");
    expect((await adapter.refund(refund(order), of)).kind).not.toBe("succeeded");
  });

  test("closed: nobody can pay any more, and closing again is harmless", async () => {
    const { adapter, approve, of } = await created();
    expect(await adapter.close(of)).toEqual({ kind: "closed" });
    expect(await adapter.close(of)).toEqual({ kind: "closed" });
    await approve(of);
    expect(await adapter.query(of)).toEqual({ kind: "closed" });
  });

  test("closed too late: succeeded, and the money stays", async () => {
    const { adapter, approve, of } = await created();
    await approve(of);
    expect(await adapter.close(of)).toMatchObject({ kind: "succeeded", amount: of.amount });
    expect(await adapter.query(of)).toMatchObject({ kind: "succeeded" });
  });

  test("authorized, then captured, however often; captured unasked is neither", async () => {
    const { twoStep } = await make();
    if (!twoStep) return;
    const { adapter, approve, of } = await created(twoStep);
    expect(["open", "unknown"]).toContain((await adapter.capture(of)).kind);
    await approve(of);
    expect(await adapter.query(of)).toMatchObject({ kind: "authorized", amount: of.amount });
    const captured = await adapter.capture(of);
    expect(captured).toMatchObject({ kind: "succeeded", amount: of.amount });
    expect(await adapter.capture(of)).toEqual(captured);
  });

  test("a capture of something else than was authorized takes nothing", async () => {
    const { twoStep } = await make();
    if (!twoStep) return;
    const { adapter, approve, of } = await created(twoStep);
    await approve(of);
    const more = { ...of, amount: { ...of.amount, amount: of.amount.amount + 1 } };
    expect((await adapter.capture(more)).kind).toBe("unknown");
    expect(await adapter.query(of)).toMatchObject({ kind: "authorized" });
  });

  test("refunded in parts, each once however often it is asked for, never beyond the whole", async () => {
    const { adapter, approve, order, of } = await created();
    await approve(of);
    const part = (ordinal: number, amount: number): Refund =>
      refund(order, {
        id: refundIdOf(order.order, ordinal),
        payment: of.id,
        amount: { ...of.amount, amount },
      });
    const most = part(1, of.amount.amount - 1);
    expect(await Promise.all([1, 2, 3].map(() => adapter.refund(most, of)))).toEqual(
      Array.from({ length: 3 }, () => ({ kind: "succeeded" })),
    );
    expect(await adapter.queryRefund(most, of)).toEqual({ kind: "succeeded" });
    expect((await adapter.refund(part(2, 2), of)).kind).toBe("failed");
    expect(await adapter.refund(part(3, 1), of)).toEqual({ kind: "succeeded" });
    expect((await adapter.refund(part(4, 1), of)).kind).toBe("failed");
  });

  test("what was never captured is not refunded", async () => {
    const { adapter, order, of } = await created();
    expect((await adapter.refund(refund(order, { payment: of.id }), of)).kind).toBe("failed");
  });
}

function unknowns(make: () => Promise<Provider>): void {
  const calls = (adapter: PaymentProvider) => {
    const { order, of } = fresh();
    return Promise.all([
      adapter.create(of, context(order)),
      adapter.query(of),
      adapter.close(of),
      adapter.capture(of),
      adapter.refund(refund(order), of),
      adapter.queryRefund(refund(order), of),
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

function notices(make: () => Promise<Provider>): void {
  const { order, of } = fresh();
  const read = async (letter: Letter, now = Date.now()) =>
    (await make()).adapter.readNotice(letter.headers, letter.body, now);
  const refusal = async (letter: Letter, now?: number) => {
    const said = await read(letter, now);
    return said.ok ? "accepted" : said.error.code;
  };
  const text = ({ body }: Letter) => new TextDecoder().decode(body);
  const bytes = (body: string) => new TextEncoder().encode(body);

  test.for(["succeeded", "failed", "closed"] as const)(
    "%s: is read in our words, and read alike again",
    async (type) => {
      const { letter } = await make();
      const sent = await letter(type, { payment: of, event: "evt_1" });
      const said = await read(sent);
      const report = { type: `payment_${type}`, payment: of.id, source: { via: "callback", event: "evt_1" } };
      expect(said).toMatchObject({ ok: true, value: { event: "evt_1", order: order.order, report } });
      if (said.ok && said.value?.report.type === "payment_succeeded")
        expect(said.value.report.amount).toEqual(of.amount);
      expect(await read(sent)).toEqual(said);
    },
  );

  test("with any bit of its body changed is not the provider's", async () => {
    const sent = await (await make()).letter("succeeded", { payment: of });
    for (let at = 0; at < sent.body.length; at++) {
      const body = sent.body.slice();
      body[at] = (body[at] ?? 0) ^ 1;
      expect(await refusal({ ...sent, body }), `byte ${at}`).toBe("invalid_signature");
    }
  });

  test("cut short, extended, emptied or written anew is not the provider's", async () => {
    const sent = await (await make()).letter("succeeded", { payment: of });
    const anew = bytes(JSON.stringify(JSON.parse(text(sent)), null, 1));
    const bodies = [
      sent.body.slice(0, -1),
      bytes(`${text(sent)}\n`),
      new Uint8Array(),
      anew,
      bytes(`\uFEFF${text(sent)}`),
    ];
    for (const body of bodies) expect(await refusal({ ...sent, body })).toBe("invalid_signature");
  });

  test("whose bytes only decode alike is not the provider's", async () => {
    const { signed } = await make();
    // A replacement character is what a lenient decoder makes of a broken byte.
    const sent = await signed('{"note":"\uFFFD"}');
    const at = sent.body.indexOf(0xef);
    const body = Uint8Array.from([...sent.body.slice(0, at), 0xff, ...sent.body.slice(at + 3)]);
    expect(text({ ...sent, body })).toBe(text(sent));
    expect(await refusal(sent)).toBe("invalid_request");
    expect(await refusal({ ...sent, body })).toBe("invalid_signature");
  });

  test("signed by another secret is not the provider's", async () => {
    const { letter, otherSecret } = await make();
    expect(await refusal(await letter("succeeded", { payment: of, secret: otherSecret }))).toBe(
      "invalid_signature",
    );
  });

  test("older or newer than five minutes is refused, by either clock", async () => {
    const { letter } = await make();
    const now = Date.now();
    for (const skew of [SKEW_MS + NOW_SLACK_MS, -SKEW_MS - NOW_SLACK_MS]) {
      const signedAt = now - skew;
      const sent = await letter("succeeded", { payment: of, signedAt });
      expect(await refusal(sent, now), "by the caller's clock").toBe("invalid_signature");
      expect(await refusal(sent, signedAt), "by the real clock").toBe("invalid_signature");
      expect(await refusal(await letter("succeeded", { payment: of, signedAt: now }), signedAt)).toBe(
        "invalid_signature",
      );
    }
    for (const skew of [SKEW_MS - NOW_SLACK_MS, NOW_SLACK_MS - SKEW_MS])
      expect(await refusal(await letter("succeeded", { payment: of, signedAt: now - skew }), now)).toBe(
        "accepted",
      );
  });

  test("without, with empty, with changed and with doubled headers is not the provider's", async () => {
    const { letter, signatureHeaders } = await make();
    const sent = await letter("succeeded", { payment: of });
    for (const header of signatureHeaders) {
      const value = sent.headers.get(header) ?? "";
      for (const wrong of [null, "", `${value}x`, `${value},${value}`, `x${value}`, "v1", "0"]) {
        const headers = new Headers(sent.headers);
        if (wrong === null) headers.delete(header);
        else headers.set(header, wrong);
        expect(await refusal({ ...sent, headers }), `${header}: ${wrong}`).toBe("invalid_signature");
      }
      const headers = new Headers(sent.headers);
      headers.append(header, value);
      expect(await refusal({ ...sent, headers }), `${header} twice`).toBe("invalid_signature");
    }
  });

  test("well signed, of another order than its reference, is not readable", async () => {
    const other = orderIdOf(skuNumberOf("lamp-blue"), Date.now(), new Uint8Array(5));
    const { letter } = await make();
    expect(await refusal(await letter("succeeded", { payment: of, order: other }))).toBe("invalid_request");
    const foreign = { ...of, id: paymentIdOf(other, 1) };
    expect(await refusal(await letter("succeeded", { payment: foreign, order: order.order }))).toBe(
      "invalid_request",
    );
  });

  test("well signed nonsense is not readable", async () => {
    const { signed } = await make();
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    for (const body of ["", "{}", "[]", "null", "not JSON", '"text"', deep])
      expect(await refusal(await signed(body)), body.slice(0, 80)).toBe("invalid_request");
  });

  test("is acknowledged with a 2xx", async () => {
    expect((await make()).adapter.acknowledge().ok).toBe(true);
  });
}
