import { env } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import type { BankApi, BankBehaviour, BankPayment } from "../../schema/actors.ts";
import { bankActor } from "../../worker/actors.ts";
import { app } from "../../worker/app.ts";
import { bankCreate, Merchant } from "../fixtures/bank.ts";

const ORIGIN = "http://127.0.0.1:8787";
const ADMIN = { authorization: "Bearer test-admin-key" };
let bank: BankApi;

beforeAll(() => {
  Merchant.standIn();
  const { SANDBOX_BANK: namespace } = env;
  if (!namespace) throw new Error("these tests need the sandbox bank");
  bank = bankActor(namespace);
});

const ctx = {
  waitUntil: () => {},
  passThroughOnException: () => {},
  props: {},
} as unknown as ExecutionContext;
const ask = async (path: string, init: RequestInit = {}, world: Env = env) =>
  app.request(new URL(path, ORIGIN), { redirect: "manual", ...init }, world, ctx);
const form = (path: string, headers: Record<string, string> = {}) =>
  ask(path, {
    method: "POST",
    headers: { origin: ORIGIN, "content-type": "application/x-www-form-urlencoded", ...headers },
  });
const behave = (body: unknown, headers: Record<string, string> = ADMIN) =>
  ask("/sandbox/v1/behaviour", {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const codeOf = async (answer: Response) => [answer.status, (await answer.json<{ code: string }>()).code];

const create = (facts: Parameters<typeof bankCreate>[0] = {}): Promise<BankPayment> =>
  bank.createPayment(bankCreate(facts));

describe("the bank's page", () => {
  test("shows what is paid and two buttons, in a page without inline script or style", async () => {
    const { id, order } = await create({ description: "1 x <Red> lamp" });
    const answer = await ask(`/sandbox/payments/${id}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const page = await answer.text();
    for (const seen of [
      "test bank",
      order,
      "199.00",
      "Approve",
      "Decline",
      "1 x &lt;Red&gt; lamp",
      '<html lang="en',
    ])
      expect(page).toContain(seen);
    expect(page).toContain(`action="/sandbox/payments/${id}/approve"`);
    expect(page).toContain(`action="/sandbox/payments/${id}/decline"`);
    expect(page).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=/);
  });

  test("speaks Chinese to whoever reads it", async () => {
    const { id } = await create();
    const page = await (await ask(`/sandbox/payments/${id}?lang=zh`)).text();
    for (const seen of ['<html lang="zh', "测试银行", "同意支付", "拒绝"]) expect(page).toContain(seen);
  });

  test.for([
    ["approve", "succeeded", "Approved and paid"],
    ["decline", "failed", "Declined"],
  ] as const)(
    "%s: one press decides, the buyer goes back to the order, the page says how it ended",
    async ([press, state, says]) => {
      const { id, order } = await create();
      const answer = await form(`/sandbox/payments/${id}/${press}`);
      expect([answer.status, answer.headers.get("location")]).toEqual([303, `/orders/${order}?returned=1`]);
      expect((await bank.readPayment(id))?.state).toBe(state);
      expect((await form(`/sandbox/payments/${id}/${press}`)).status).toBe(303);
      const page = await (await ask(`/sandbox/payments/${id}`)).text();
      expect(page).toContain(says);
      expect(page).toContain(`href="/orders/${order}?returned=1"`);
      expect(page).not.toContain("<form");
    },
  );

  test("sends the buyer where the merchant wants them", async () => {
    const { id } = await create({ returnUrl: "https://shop.example/thanks" });
    expect((await form(`/sandbox/payments/${id}/approve`)).headers.get("location")).toBe(
      "https://shop.example/thanks",
    );
  });

  test("of what is over has no buttons, and a late press changes nothing", async () => {
    const { id } = await create({ expiresAt: Date.now() - 1 });
    expect(await (await ask(`/sandbox/payments/${id}`)).text()).not.toContain("<form");
    const pressed = await form(`/sandbox/payments/${id}/approve`);
    expect([pressed.status, pressed.headers.get("location")]).toEqual([303, `/sandbox/payments/${id}`]);
    expect((await bank.readPayment(id))?.state).toBe("requires_action");
  });

  test("of an id that nobody was given does not exist", async () => {
    for (const id of ["bnk_1", "constructor", "x".repeat(500), "%27"]) {
      expect(await codeOf(await ask(`/sandbox/payments/${id}`))).toEqual([404, "not_found"]);
      expect(await codeOf(await form(`/sandbox/payments/${id}/approve`))).toEqual([404, "not_found"]);
    }
  });

  test("is not pressed from another site", async () => {
    const { id } = await create();
    const pressed = await form(`/sandbox/payments/${id}/approve`, {
      origin: "https://evil.example",
      "sec-fetch-site": "cross-site",
    });
    expect(await codeOf(pressed)).toEqual([403, "origin_refused"]);
    expect((await bank.readPayment(id))?.state).toBe("requires_action");
  });
});

describe("the controls of one payment", () => {
  const press = (id: string, what: string) => ask(`/sandbox/v1/payments/${id}/${what}`, { method: "POST" });

  test("need only its id, and may be repeated", async () => {
    const { id, order } = await create();
    for (const _ of [1, 2]) {
      const answer = await press(id, "approve");
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({
        id,
        order,
        state: "succeeded",
        amount: { amount: 19_900, currency: "CNY" },
      });
    }
    expect(await codeOf(await press(id, "decline"))).toEqual([409, "order_state"]);
  });

  test("decline, and refuse what is too late", async () => {
    const { id } = await create();
    expect(await (await press(id, "decline")).json()).toMatchObject({ id, state: "failed" });
    const { id: late } = await create({ expiresAt: Date.now() - 1 });
    expect(await codeOf(await press(late, "approve"))).toEqual([409, "order_state"]);
  });

  test("of no payment are not found", async () => {
    expect(await codeOf(await press("bnk_1", "approve"))).toEqual([404, "not_found"]);
  });
});

describe("the switches", () => {
  const normal = {
    callbacks: "normal",
    delay_ms: 0,
    amount_delta: 0,
    create: "normal",
    close: "normal",
    query: "normal",
  };

  test("answer with the whole day; what is not given is normal", async () => {
    const day = { callbacks: "delayed", delay_ms: 50, amount_delta: -1, query: "error" };
    expect(await (await behave(day)).json()).toEqual({ ...normal, ...day });
    const { id, reference } = await create();
    await expect(
      bank.queryPayment(reference).then(
        () => "answered",
        () => "threw",
      ),
    ).resolves.toBe("threw");
    expect(id).toMatch(/^bnk_/);
    expect(await (await behave({ close: "error" })).json()).toEqual({ ...normal, close: "error" });
    expect(await (await behave({})).json()).toEqual(normal);
  });

  test("each word of the contract is taken, any other word is not", async () => {
    const words: Record<string, readonly string[]> = {
      callbacks: [
        "none",
        "duplicate",
        "reordered",
        "delayed",
        "normal",
      ] satisfies BankBehaviour["callbacks"][],
      create: ["timeout_applied", "timeout_lost", "error", "normal"],
      close: ["lies_closed_then_succeeds", "error", "normal"],
      query: ["error", "normal"],
    };
    for (const [field, values] of Object.entries(words)) {
      for (const value of values) expect((await behave({ [field]: value })).status).toBe(200);
      expect(await codeOf(await behave({ [field]: "constructor" }))).toEqual([400, "invalid_request"]);
    }
    await behave({});
  });

  test("unknown fields and wrong values are refused by name, and nothing is switched", async () => {
    const wrong: [unknown, string][] = [
      [{ callback: "none" }, "/callback"],
      [{ delayMs: 1 }, "/delayMs"],
      [{ delay_ms: -1 }, "/delay_ms"],
      [{ delay_ms: 1e9 }, "/delay_ms"],
      [{ amount_delta: 0.5 }, "/amount_delta"],
      [{ amount_delta: 1e12 }, "/amount_delta"],
      [{ query: null }, "/query"],
    ];
    for (const [body, pointer] of wrong) {
      const answer = await behave({ create: "error", ...(body as object) });
      expect(answer.status, pointer).toBe(400);
      expect(await answer.json()).toMatchObject({ code: "invalid_request", errors: [{ pointer }] });
    }
    expect((await create()).state).toBe("requires_action");
    for (const body of ["[]", "null", '"normal"'])
      expect(await codeOf(await behave(body))).toEqual([400, "invalid_request"]);
    for (const body of ["", "{", "nonsense"])
      expect(await codeOf(await behave(body))).toEqual([400, "invalid_json"]);
  });

  test("are the admin's", async () => {
    expect(await codeOf(await behave({}, {}))).toEqual([401, "unauthenticated"]);
    expect(await codeOf(await behave({}, { authorization: "Bearer guessed" }))).toEqual([
      401,
      "unauthenticated",
    ]);
  });
});

test("where the sandbox is not offered none of it exists", async () => {
  const { id } = await create();
  const worlds = [
    { ...env, PROVIDERS: "" },
    { ...env, ENVIRONMENT: "production" },
  ] as unknown as Env[];
  for (const world of worlds) {
    expect((await ask(`/sandbox/payments/${id}`, {}, world)).status).toBe(404);
    expect((await ask(`/sandbox/v1/payments/${id}/approve`, { method: "POST" }, world)).status).toBe(404);
    expect(
      (await ask("/sandbox/v1/behaviour", { method: "PUT", headers: ADMIN, body: "{}" }, world)).status,
    ).toBe(404);
  }
  expect((await bank.readPayment(id))?.state).toBe("requires_action");
});
