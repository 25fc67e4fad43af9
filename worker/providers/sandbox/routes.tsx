import { Hono, type Context } from "hono";
import * as z from "zod";
import type { BankApi, BankBehaviour, BankPayment, BankRefusal } from "../../../schema/actors.ts";
import { MAIN_ACCOUNT } from "../../../schema/order.ts";
import { UNIT_PRICE_MINOR_MAX } from "../../../schema/money.ts";
import type { Result } from "../../../schema/result.ts";
import { bankActor } from "../../actors.ts";
import { fieldErrors } from "../../api/routes.ts";
import type { App } from "../../app-env.ts";
import { admit } from "../../middleware/admit.ts";
import { jsonBody } from "../../middleware/body.ts";
import { sameOriginOnly } from "../../middleware/buyer.ts";
import { requireStaff } from "../../middleware/staff.ts";
import { problem, type ProblemResponse } from "../../problem.ts";
import { providerOf } from "../registry.ts";
import { bankPage } from "./bank-page.tsx";
import { desk } from "./desk-routes.ts";

/** A callback may be kept back for at most this long. */
const DELAY_MS_MAX = 3_600_000;

const Behaviour = z.strictObject({
  callbacks: z.enum(["normal", "none", "duplicate", "reordered", "delayed"]).optional(),
  delay_ms: z.int().min(0).max(DELAY_MS_MAX).optional(),
  amount_delta: z.int().min(-UNIT_PRICE_MINOR_MAX).max(UNIT_PRICE_MINOR_MAX).optional(),
  create: z.enum(["normal", "timeout_applied", "timeout_lost", "error"]).optional(),
  close: z.enum(["normal", "lies_closed_then_succeeds", "error"]).optional(),
  query: z.enum(["normal", "error"]).optional(),
});

const THE_SANDBOX = { provider: "sandbox", account: MAIN_ACCOUNT };

/** The sandbox bank's pages and controls, mounted at `/sandbox`. Where the sandbox is not offered, none of it exists. */
export const sandbox = new Hono<App>();

sandbox.use(async (c, next) => {
  if (!c.env.SANDBOX_BANK || !providerOf(c.env, THE_SANDBOX)) return problem(c, { code: "not_found" });
  await next();
  c.header("Cache-Control", "no-store");
});

/** The bank, after the first middleware has seen that there is one. */
function bankOf(c: Context<App>): BankApi {
  if (!c.env.SANDBOX_BANK) throw new Error("there is no sandbox bank here");
  return bankActor(c.env.SANDBOX_BANK);
}

/** Where the buyer goes when the bank is done with them. */
const backUrl = ({ returnUrl, order }: BankPayment): string => returnUrl ?? `/orders/${order}?returned=1`;

sandbox.get("/payments/:id", async (c) => {
  const payment = await bankOf(c).readPayment(c.req.param("id"));
  if (!payment) return problem(c, { code: "not_found" });
  const scene = { lang: c.get("lang"), here: c.req.path, now: Date.now() };
  return c.html(bankPage(scene, payment, backUrl(payment)));
});

sandbox.post("/payments/:id/:decision{approve|decline}", admit(sameOriginOnly), async (c) => {
  const decided = await decide(c);
  if (!decided.ok && decided.error.code === "not_found") return problem(c, { code: "not_found" });
  // Too late or already decided: the page shows how it stands.
  return c.redirect(decided.ok ? backUrl(decided.value) : `/sandbox/payments/${c.req.param("id")}`, 303);
});

sandbox.post("/v1/payments/:id/:decision{approve|decline}", async (c) => {
  const decided = await decide(c);
  if (!decided.ok) return refused(c, decided.error);
  const { id, reference, order, state, amount } = decided.value;
  return c.json({ id, reference, order, state, amount });
});

sandbox.route("/v1/shop", desk);

/** What the bank has done, for whoever compares: a page, until one is empty. */
sandbox.get("/v1/statement", admit(requireStaff("admin")), async (c) => {
  const payments = await bankOf(c).statement(c.req.query("after") ?? "");
  const data = payments.map(({ id, reference, order, state, amount, refunded: back }) => ({
    id,
    reference,
    order,
    state,
    amount,
    refunded: back,
  }));
  return c.json({ data });
});

sandbox.put("/v1/behaviour", admit(requireStaff("admin"), jsonBody), async (c) => {
  const sent = await c.req.json<unknown>().catch(() => undefined);
  if (sent === undefined) return problem(c, { code: "invalid_json" });
  const parsed = Behaviour.safeParse(sent);
  if (!parsed.success)
    return problem(c, { code: "invalid_request", errors: fieldErrors("json", parsed.error.issues) });
  const { delay_ms, amount_delta, ...words } = parsed.data;
  const wanted = { ...words, delayMs: delay_ms, amountDelta: amount_delta };
  const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  return c.json(behaviourToWire(await bankOf(c).behave(given as Partial<BankBehaviour>)));
});

function decide(c: Context<App>): Promise<Result<BankPayment, BankRefusal>> {
  const id = c.req.param("id") ?? "";
  return c.req.param("decision") === "approve" ? bankOf(c).approve(id) : bankOf(c).decline(id);
}

function refused(c: Context<App>, { code }: BankRefusal): ProblemResponse {
  if (code === "not_found") return problem(c, { code });
  return problem(c, { code: "order_state", detail: "The payment is decided, closed or too old." });
}

const behaviourToWire = ({ callbacks, delayMs, amountDelta, create, close, query }: BankBehaviour) => ({
  callbacks,
  delay_ms: delayMs,
  amount_delta: amountDelta,
  create,
  close,
  query,
});
