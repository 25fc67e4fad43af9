import { createHash } from "node:crypto";
import {
  CHANCE_BYTES,
  homeOf,
  orderIdOf,
  skuNumberOf,
  type BuyerId,
  type OrderId,
  type SaleId,
  type SkuId,
  type SkuNumber,
} from "../../schema/ids.ts";
import { unborn, type Line, type Order, type Placement } from "../../schema/order.ts";
import { err, ok, unreachable, type Result } from "../../schema/result.ts";
import { saleStateAt, type Offer, type Sale } from "../../schema/sale.ts";
import type { HoldRefusal, ReleaseReason } from "../../schema/sku.ts";
import { skuActor } from "../actors.ts";
import type { Refusal } from "../problem.ts";
import { saleOf } from "../catalogue/sale-of.ts";
import { orderFingerprintOf } from "./fingerprint.ts";
import { holdAt, recallSoldOut } from "./hold.ts";
import { placementAtHome } from "./read.ts";

/** A request that has not finished within this time has died: its key may be taken over. */
const IN_FLIGHT_MS = 10_000;

export interface WantedLine {
  readonly sku: SkuId;
  readonly quantity: number;
}

export interface PlaceRequest {
  readonly buyer: BuyerId;
  readonly sale: SaleId;
  /** The first is the home line. */
  readonly lines: readonly WantedLine[];
  readonly key: string;
}

/** `replayed`: the same request was answered before, and this is that answer. */
export interface Placed {
  readonly order: Order;
  readonly replayed: boolean;
}

/** One attempt to place an order: the request, the id it will have, and whom to ask. */
interface Attempt extends PlaceRequest {
  readonly env: Env;
  readonly order: OrderId;
  readonly fingerprint: string;
  readonly home: WantedLine;
  readonly offers: readonly Offer[];
}

/**
 * Places an order: all lines or none. The home hold is taken last and is the commit point: the order exists if and only
 * if it does. A crash in between leaves holds that expire by themselves. A sale of one SKU takes one hop.
 */
export async function placeOrder(env: Env, request: PlaceRequest): Promise<Result<Placed, Refusal>> {
  const now = Date.now();
  const sale = await saleOf(env, request.sale, now);
  if (!sale) return err({ code: "not_found", detail: `There is no sale "${request.sale}".` });
  const unfit = misfit(sale, request.lines);
  if (unfit) return err(unfit);
  const [home] = request.lines;
  if (!home) return err({ code: "invalid_request", errors: [{ pointer: "/lines", detail: "needs a line" }] });
  const known = refusalInMemory(request, sale, now);
  if (known) return err(known);

  const chance = crypto.getRandomValues(new Uint8Array(CHANCE_BYTES));
  const attempt: Attempt = {
    ...request,
    env,
    home,
    offers: sale.offers,
    order: orderIdOf(skuNumberOf(home.sku), now, chance),
    fingerprint: orderFingerprintOf(request.sale, request.lines),
  };
  return sale.offers.length === 1 ? holdHome(attempt, [], null) : placeUnderKey(attempt, sale, now);
}

/** What the sale does not offer, or cannot sell together. */
function misfit(sale: Sale, lines: readonly WantedLine[]): Refusal | null {
  const currencies = new Set<string>();
  for (const [index, { sku }] of lines.entries()) {
    const offer = sale.offers.find((candidate) => candidate.sku === sku);
    if (!offer) {
      const detail = `The sale "${sale.id}" does not offer "${sku}".`;
      return { code: "not_found", detail, errors: [{ pointer: `/lines/${index}/sku`, detail }] };
    }
    currencies.add(offer.price.currency);
  }
  if (currencies.size <= 1) return null;
  return {
    code: "invalid_request",
    errors: [{ pointer: "/lines", detail: `are of several currencies: ${[...currencies].join(", ")}` }],
  };
}

/**
 * A refusal that needs no call: nothing of a line's SKU was free a moment ago, and this buyer has nothing there. Whatever a SKU
 * would have refused before looking at its stock is left to it.
 */
function refusalInMemory({ lines, buyer }: PlaceRequest, sale: Sale, now: number): Refusal | null {
  if (saleStateAt(sale, now) !== "open") return null;
  for (const [index, { sku, quantity }] of lines.entries()) {
    if (quantity > sale.perBuyerMax) return null;
    const soldOut = recallSoldOut(sku, buyer, now);
    if (soldOut) return holdRefusal({ code: "sold_out", available: 0, ...soldOut }, index);
  }
  return null;
}

/**
 * In a sale of several SKUs two requests with one key may have different homes. So the key is bound to an order id at one
 * SKU that the key itself chooses, before anything is held.
 */
async function placeUnderKey(attempt: Attempt, sale: Sale, now: number): Promise<Result<Placed, Refusal>> {
  const { env, buyer, key, fingerprint, order } = attempt;
  const keeper = skuActor(env, keeperOf(sale, buyer, key));
  const bound = await keeper.bindKey({ buyer, key, fingerprint, order, supersedes: null });
  if (!bound.ok) return err(keyRefusal(bound.error.code));

  if (bound.value.order !== order) {
    const earlier = bound.value.order;
    const found = await skuActor(env, homeOf(earlier)).find(earlier);
    if (found?.placement) return ok({ order: placed(found.placement), replayed: true });
    if (!found && now - bound.value.boundAt < IN_FLIGHT_MS) return err({ code: "idempotency_in_flight" });
    const superseded = await supersede({ ...attempt, order: earlier });
    if (!superseded.ok) return superseded;
    if (superseded.value) return ok({ order: placed(superseded.value), replayed: true });
    const rebound = await keeper.bindKey({ buyer, key, fingerprint, order, supersedes: earlier });
    if (!rebound.ok) return err(keyRefusal(rebound.error.code));
    if (rebound.value.order !== order) return err({ code: "idempotency_in_flight" });
  }

  const answer = await holdAll(attempt);
  if (!answer.ok) await keeper.unbindKey({ buyer, key, order });
  return answer;
}

/**
 * An earlier request under this key has died on its way, or is late: its home decides. What has been placed there meanwhile is the
 * answer, and a tombstone at every SKU sees to it that anything else stays dead.
 */
async function supersede(attempt: Attempt): Promise<Result<Placement | null, Refusal>> {
  const { env, order, home, lines } = attempt;
  if (!(await release(attempt, [home], "superseded"))) return err({ code: "overloaded" });
  const placement = await placementAtHome(env, order);
  if (placement) return ok(placement);
  const others = lines.filter((line) => line !== home);
  return (await release(attempt, others, "superseded")) ? ok(null) : err({ code: "overloaded" });
}

function offerOf(offers: readonly Offer[], { sku }: WantedLine): Offer {
  const offer = offers.find((candidate) => candidate.sku === sku);
  if (!offer) throw new Error(`${sku} was found in the sale and is not there`);
  return offer;
}

async function holdAll(attempt: Attempt): Promise<Result<Placed, Refusal>> {
  const { env, order, buyer, sale, lines, home } = attempt;
  const taken: WantedLine[] = [];
  const others: Line[] = [];
  let heldUntil: number | null = null;

  // In SKU order, so that two buyers of the same things meet at the same SKU first.
  for (const line of inSkuOrder(lines.filter((candidate) => candidate !== home))) {
    const held = await holdAt(env, offerOf(attempt.offers, line), {
      order,
      buyer,
      sale,
      quantity: line.quantity,
      home: null,
    });
    if (!held.ok) {
      await release(attempt, taken, "refused");
      return err(holdRefusal(held.error, lines.indexOf(line)));
    }
    const { value } = held;
    if (value.placement) throw new Error(`the hold of ${line.sku} says it is the home of ${order}`);
    taken.push(line);
    others.push(value.line);
    heldUntil = Math.min(heldUntil ?? value.heldUntil, value.heldUntil);
  }

  const asGiven = others.toSorted((a, b) => position(lines, a.sku) - position(lines, b.sku));
  const answer = await holdHome(attempt, asGiven, heldUntil);
  if (!answer.ok) await release(attempt, taken, "refused");
  return answer;
}

async function holdHome(
  attempt: Attempt,
  others: readonly Line[],
  othersHeldUntil: number | null,
): Promise<Result<Placed, Refusal>> {
  const { env, order, buyer, sale, key, fingerprint, home } = attempt;
  const held = await holdAt(env, offerOf(attempt.offers, home), {
    order,
    buyer,
    sale,
    quantity: home.quantity,
    home: { key, fingerprint, others, othersHeldUntil },
  });
  if (!held.ok) return err(holdRefusal(held.error, attempt.lines.indexOf(home)));
  const { placement, replayed } = held.value;
  if (!placement) throw new Error(`the home hold of ${order} has no placement`);
  return ok({ order: placed(placement), replayed });
}

/** False when a SKU had no time for it. */
async function release(
  { env, order, buyer }: Attempt,
  lines: readonly WantedLine[],
  reason: ReleaseReason,
): Promise<boolean> {
  const answers = await Promise.all(
    lines.map(({ sku, quantity }) =>
      skuActor(env, skuNumberOf(sku)).release({ order, take: 1, buyer, quantity }, reason),
    ),
  );
  return answers.every((answer) => answer.ok || answer.error.code !== "overloaded");
}

/** An order as it was the moment it was placed: what the first answer said, and every replay says again. */
const placed = (placement: Placement): Order => unborn(placement, placement.createdAt);

const position = (lines: readonly WantedLine[], sku: SkuId): number =>
  lines.findIndex((line) => line.sku === sku);

const inSkuOrder = (lines: readonly WantedLine[]): WantedLine[] =>
  lines.toSorted((a, b) => (skuNumberOf(a.sku) < skuNumberOf(b.sku) ? -1 : 1));

/** The SKU that keeps a buyer's key: any one of the sale, as long as it is always the same. */
function keeperOf(sale: Sale, buyer: BuyerId, key: string): SkuNumber {
  const numbers = sale.offers.map(({ sku }) => skuNumberOf(sku)).toSorted();
  const hash = createHash("sha256").update(`${buyer}\n${key}`).digest();
  const index = new DataView(hash.buffer, hash.byteOffset, 4).getUint32(0) % numbers.length;
  const number = numbers[index];
  if (number === undefined) throw new Error(`the sale ${sale.id} offers nothing`);
  return number;
}

function keyRefusal(code: "unknown_sku" | "idempotency_key_reused" | "overloaded"): Refusal {
  return { code: code === "unknown_sku" ? "not_found" : code };
}

/** A SKU's refusal in the words of HTTP. */
function holdRefusal(refusal: HoldRefusal, index: number): Refusal {
  const pointer = `/lines/${index}`;
  switch (refusal.code) {
    case "unknown_sku":
      return {
        code: "not_found",
        errors: [{ pointer: `${pointer}/sku`, detail: "is not offered by this sale" }],
      };
    case "sold_out": {
      const detail =
        refusal.held > 0 ? "None is free now; held units may still come back." : "All units are sold.";
      return { code: "sold_out", detail, errors: [{ pointer, detail }] };
    }
    case "purchase_limit": {
      const detail = `One buyer may hold or own at most ${refusal.limit} of this in this sale.`;
      return { code: "purchase_limit", detail, errors: [{ pointer: `${pointer}/quantity`, detail }] };
    }
    case "sale_not_open":
      return {
        code: "sale_not_open",
        detail: `The sale opens at ${new Date(refusal.opensAt).toISOString()}.`,
      };
    case "sale_closed":
    case "idempotency_key_reused":
    case "overloaded":
      return { code: refusal.code };
    case "released":
      return { code: "idempotency_in_flight" };
    default:
      return unreachable(refusal);
  }
}
