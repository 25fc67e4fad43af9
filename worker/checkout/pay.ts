import { skuNumberOf, type BuyerId, type OrderId } from "../../schema/ids.ts";
import {
  MAIN_ACCOUNT,
  placementOf,
  type Order,
  type Payment,
  type Placement,
  type StartRefusal,
} from "../../schema/order.ts";
import { err, ok, unreachable, type Result } from "../../schema/result.ts";
import { orderActor, skuActor, turnstileActor } from "../actors.ts";
import type { Refusal } from "../problem.ts";
import { saleOf } from "../catalogue/sale-of.ts";
import { offered, providerOf } from "../providers/registry.ts";
import { paymentReport, purchaseOf } from "../providers/reports.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { claimAt } from "./hold.ts";
import { waysToPay, type WayToPay } from "./methods.ts";
import { readOrder } from "./read.ts";

/**
 * A claim outlasts the time to pay by this much: more than two objects' clocks differ. The order itself gives the stock back
 * when its time has passed; at the claim's own deadline the SKU asks after orders that a crash kept from ever hearing of it,
 * whose units must not wait for longer than they have to.
 */
const CLAIM_GRACE_MS = 5_000;

/** A wait that is not worth a page of its own. */
const WAIT_HERE_MS_MAX = 1_500;
/** When the line is too long, it is worth coming again after so long. */
const LINE_RETRY_S = 30;

export interface PayRequest {
  readonly order: string;
  readonly buyer: BuyerId;
  readonly provider: string;
  readonly method: string | null;
  readonly returnUrl: string | null;
  /** The buyer as the network and, where a shop knows it, the provider know them. Kept only by ways to pay that must tell. */
  readonly payer: { readonly address: string | null; readonly openid: string | null };
  readonly key: string;
  /** Our own origin as the buyer sees it: where the provider's callbacks go. */
  readonly origin: string;
}

export interface Started {
  readonly order: Order;
  readonly payment: Payment;
  readonly replayed: boolean;
}

/**
 * Starts a payment: claim the stock, write the payment down, then call the provider. Whatever happens to the call, the
 * order knows what it asked for and asks again; repeating with the same key finishes what was cut off.
 */
export async function startPayment(env: Env, request: PayRequest): Promise<Result<Started, Refusal>> {
  const { provider, method, returnUrl, key, origin } = request;
  if (!offered(env).includes(provider)) return unfit("/provider", `"${provider}" is not offered here`);
  const order = await readOrder(env, request.order);
  if (!order || order.buyer !== request.buyer) return err({ code: "not_found" });
  const way = await wayFor(env, order, request);
  if (!way.ok) return way;
  const { account, method: wanted } = way.value;
  const payer = wanted.payer && request.payer[wanted.payer];
  if (wanted.payer === "openid" && payer === null)
    return unfit("/openid", `"${wanted.name}" needs to know who pays`);
  const turn = await turnOf(env, order, way.value);
  if (!turn.ok) return turn;
  // After a capture that failed the units are sold to this order already: there is nothing left to claim.
  if (order.state === "pending" && order.stock !== "committed") {
    const lost = await claim(env, order, turn.value.waitMs);
    if (lost) {
      if (lost.code === "order_expired") await releaseUnborn(env, order);
      return err(lost);
    }
  }

  const started = await orderActor(env, order.order).start({
    placement: placementOf(order),
    provider,
    account,
    method: wanted.name,
    returnUrl,
    payer,
    createAt: turn.value.at,
    callbackUrl: `${origin}${webhookPathOf(way.value)}`,
    key,
    fingerprint: fingerprintOf(provider, method, returnUrl, request.payer.openid),
  });
  if (!started.ok) {
    if (started.error.code === "order_expired") await releaseUnborn(env, order);
    return err(startRefusal(started.error));
  }
  return create(env, started.value);
}

/** Calls the provider for a payment that it may not know yet, and tells the order what it said. */
async function create(env: Env, started: Started): Promise<Result<Started, Refusal>> {
  const { order, payment, replayed } = started;
  const waitMs = payment.createdAt - Date.now();
  // The clock has it created when its buyer's turn has come; who waits for a moment only waits here.
  if ((replayed && !isUnanswered(payment)) || waitMs > WAIT_HERE_MS_MAX) return ok(started);
  if (waitMs > 0) await scheduler.wait(waitMs);
  const provider = providerOf(env, payment);
  if (!provider) return err({ code: "provider_unavailable" });

  const outcome = await provider.create(payment, purchaseOf(order));
  const heard = await orderActor(env, order.order).report([
    paymentReport(payment.id, outcome, { via: "answer" }),
  ]);
  const now = heard?.payments.find(({ id }) => id === payment.id);
  if (!heard || !now) throw new Error(`the order ${order.order} lost its payment ${payment.id}`);
  // A callback may have been quicker than the answer that never came.
  if (outcome.kind === "unknown" && isUnanswered(now)) return err({ code: "provider_unavailable" });
  return ok({ order: heard, payment: now, replayed });
}

/** Its provider has not said where to pay: an answer that only a question brought says that it waits, and for nobody to come. */
const isUnanswered = ({ state, action }: Payment): boolean =>
  action === null && (state === "created" || state === "unknown" || state === "requires_action");

/** The way to pay that was asked for, or the provider's first: among those that the cashier offers for this order. */
async function wayFor(
  env: Env,
  { sale, amount }: Order,
  { provider, method }: PayRequest,
): Promise<Result<WayToPay, Refusal>> {
  const accounts = (await saleOf(env, sale, Date.now()))?.accounts;
  const ways = waysToPay(env, { amount, accounts, device: null }).filter((way) => way.provider === provider);
  const way = ways.find((candidate) => method === null || candidate.method.name === method);
  if (way) return ok(way);
  if (ways.length === 0) return unfit("/provider", `"${provider}" does not take this order`);
  return unfit("/method", `one of ${ways.map(({ method: { name } }) => name).join(", ")}`);
}

const unfit = (pointer: string, detail: string): Result<never, Refusal> =>
  err({ code: "invalid_request", errors: [{ pointer, detail }] });

/** Each account has a door of its own, so that nobody else's key opens it. */
const webhookPathOf = ({ provider, account }: WayToPay): string =>
  account === MAIN_ACCOUNT ? `/v1/webhooks/${provider}` : `/v1/webhooks/${provider}/${account}`;

/** When this buyer's turn is, at a provider that takes only so many new payments a second; `at` is null where all are taken. */
async function turnOf(
  env: Env,
  { state, payments }: Order,
  { provider, account, method }: WayToPay,
): Promise<Result<{ at: number | null; waitMs: number }, Refusal>> {
  const now = Date.now();
  // Who has a payment already starts none: it is shown, or stands in the way.
  const isNew = state === "pending" || payments.length === 0;
  if (method.creationsPerSecond === null || !isNew) return ok({ at: null, waitMs: 0 });
  const at = await turnstileActor(env, { provider, account }).enter(method.creationsPerSecond);
  if (at === null) return err({ code: "overloaded", retryAfter: LINE_RETRY_S });
  return ok({ at, waitMs: Math.max(0, at - now) });
}

/** From here on no line of the order can expire under its buyer. All lines, or the refusal. */
async function claim(env: Env, placement: Placement, waitMs: number): Promise<Refusal | null> {
  const { order, sale, buyer, lines, payBy } = placement;
  const until = payBy + waitMs + CLAIM_GRACE_MS;
  const offers = (await saleOf(env, sale, Date.now()))?.offers ?? [];
  const answers = await Promise.all(
    lines.map(({ sku }) => {
      const offer = offers.find((candidate) => candidate.sku === sku) ?? { sku };
      return claimAt(env, offer, buyer, { order, until });
    }),
  );
  for (const answer of answers) {
    // Another press has been quicker, and its order knows what it is.
    if (answer.ok || answer.error.code === "sold") continue;
    return answer.error.code === "overloaded" ? { code: "overloaded" } : { code: "order_expired" };
  }
  return null;
}

/**
 * The time to pay ran out between a claim and the payment. An order that has an actor gives its units back itself; for
 * one that has none, nobody would before the claim's own end.
 */
async function releaseUnborn(env: Env, { order, buyer, lines, payments }: Order): Promise<void> {
  if (payments.length > 0) return;
  await Promise.all(
    lines.map(({ sku, quantity }) =>
      skuActor(env, skuNumberOf(sku)).release({ order, take: 1, buyer, quantity }, "payment_lost"),
    ),
  );
}

function startRefusal(refusal: StartRefusal): Refusal {
  switch (refusal.code) {
    case "payment_in_progress":
    case "order_expired":
    case "idempotency_key_reused":
      return { code: refusal.code };
    case "order_state":
      return { code: "order_state", detail: `The order is ${refusal.state}.` };
    default:
      return unreachable(refusal);
  }
}

/** Asks the provider for a paying order's fate soon: its buyer has just come back from the bank. */
export async function nudgeOrder(env: Env, order: OrderId): Promise<void> {
  await orderActor(env, order).report([{ type: "query_requested", by: "buyer" }]);
}
