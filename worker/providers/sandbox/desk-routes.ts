import { createHash } from "node:crypto";
import { Hono, type Context } from "hono";
import * as z from "zod";
import type { BankApi, BankRefusal } from "../../../schema/actors.ts";
import { isPaymentId, isRefundId, ORDER_ID, type OrderId } from "../../../schema/ids.ts";
import { UNIT_PRICE_MINOR_MAX } from "../../../schema/money.ts";
import type { Result } from "../../../schema/result.ts";
import { bankActor } from "../../actors.ts";
import { fieldErrors } from "../../api/routes.ts";
import type { App } from "../../app-env.ts";
import { admit } from "../../middleware/admit.ts";
import { bearerOf } from "../../middleware/bearer.ts";
import { jsonBody } from "../../middleware/body.ts";
import { problem } from "../../problem.ts";

const Money = z.strictObject({
  amount: z.int().min(1).max(UNIT_PRICE_MINOR_MAX),
  currency: z.string().regex(/^[A-Z]{3}$/),
});
const Payment = z.strictObject({
  reference: z.string().refine(isPaymentId),
  order: z.string().regex(ORDER_ID),
  amount: Money,
  description: z.string().max(1_000),
  method: z.enum(["bank", "card"]),
  return_url: z.url().max(2_000).nullable(),
  callback_url: z.url().max(2_000),
  expires_at: z.int(),
});
const Capture = z.strictObject({ amount: Money });
const Refund = z.strictObject({
  reference: z.string().refine(isRefundId),
  payment: z.string().refine(isPaymentId),
  amount: Money,
});

const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

/** The bank's interface for shops of other deployments, mounted at `/sandbox/v1/shop`: `desk.ts` is its client. */
export const desk = new Hono<App>();

/** Shop and bank know one secret: callbacks are signed with it one way, and it opens the desk the other way. */
desk.use(async (c, next) => {
  const { SANDBOX_WEBHOOK_SECRET: secret } = c.env;
  if (!secret || hashOf(bearerOf(c) ?? "") !== hashOf(secret)) return problem(c, { code: "unauthenticated" });
  await next();
});

function bankOf({ env }: Context<App>): BankApi {
  if (!env.SANDBOX_BANK) throw new Error("there is no sandbox bank here");
  return bankActor(env.SANDBOX_BANK);
}

desk.post("/payments", admit(jsonBody), async (c) => {
  const sent = Payment.safeParse(await c.req.json<unknown>().catch(() => undefined));
  if (!sent.success) return unfit(c, sent.error);
  const {
    return_url: returnUrl,
    callback_url: callbackUrl,
    expires_at: expiresAt,
    order,
    ...rest
  } = sent.data;
  const wanted = { ...rest, order: order as OrderId, returnUrl, callbackUrl, expiresAt };
  return c.json(await bankOf(c).createPayment(wanted));
});

desk.get("/payments/:reference", async (c) => {
  const reference = c.req.param("reference");
  return known(c, isPaymentId(reference) ? await bankOf(c).queryPayment(reference) : null);
});

desk.post("/payments/:reference/close", admit(jsonBody), async (c) => {
  const reference = c.req.param("reference");
  return isPaymentId(reference) ? done(c, await bankOf(c).closePayment(reference)) : known(c, null);
});

desk.post("/payments/:reference/capture", admit(jsonBody), async (c) => {
  const reference = c.req.param("reference");
  const sent = Capture.safeParse(await c.req.json<unknown>().catch(() => undefined));
  if (!sent.success) return unfit(c, sent.error);
  if (!isPaymentId(reference)) return known(c, null);
  return done(c, await bankOf(c).capturePayment(reference, sent.data.amount));
});

desk.post("/refunds", admit(jsonBody), async (c) => {
  const sent = Refund.safeParse(await c.req.json<unknown>().catch(() => undefined));
  if (!sent.success) return unfit(c, sent.error);
  return done(c, await bankOf(c).refundPayment(sent.data));
});

desk.get("/refunds/:reference", async (c) => {
  const reference = c.req.param("reference");
  return known(c, isRefundId(reference) ? await bankOf(c).queryRefund(reference) : null);
});

const unfit = (c: Context<App>, { issues }: z.ZodError) =>
  problem(c, { code: "invalid_request", errors: fieldErrors("json", issues) });

const known = (c: Context<App>, thing: object | null) =>
  thing ? c.json(thing) : c.json({ code: "not_found" }, 404);

function done(c: Context<App>, answer: Result<object, BankRefusal>) {
  if (answer.ok) return c.json(answer.value);
  return c.json(answer.error, answer.error.code === "not_found" ? 404 : 409);
}
