import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import { CREATE_GRACE_MS } from "../../durable-objects/order/hear-payment.ts";
import { apply } from "../../durable-objects/sku/machine.ts";
import { thaw } from "../../durable-objects/sku/snapshot.ts";
import { freeze } from "../fixtures/frozen-sku.ts";
import { emptyState, type Hold, type SkuState } from "../../durable-objects/sku/state.ts";
import type { PaymentId } from "../../schema/ids.ts";
import type { CaseKind, Effect, Order, Report } from "../../schema/order.ts";
import { pending, PAY_BY, PLACED_AT } from "../fixtures/orders.ts";
import type { Name } from "./names.ts";

/**
 * One order, a rival who wants the same unit, the unit's SKU and the provider: everything there is, in one value. The order and
 * the SKU are the real machines; what lies between them (consumers, provider, buyer, clock) is as small as it can be.
 */
export interface World {
  /** Epoch ms. Only ever moves to an instant at which something is due. */
  readonly now: number;
  readonly order: Order;
  /** Whether the order's actor has stored anything: before that only its hold knows of it. */
  readonly born: boolean;
  /** What the order has asked for and not yet heard done, by its key. */
  readonly outbox: readonly (readonly [key: string, effect: Effect])[];
  /** Copies of work that a queue delivers later, whatever has become of it since. */
  readonly strays: readonly (readonly [key: string, effect: Effect])[];
  readonly accounts: readonly Account[];
  /** The provider's callbacks on their way. */
  readonly callbacks: readonly Report[];
  /** The SKU's state, frozen. */
  readonly sku: string;
  readonly rival: "waiting" | "holding" | "owning" | "gone";
  readonly cases: readonly CaseKind[];
  readonly left: Budget;
}

/** A payment as its provider knows it. `asked`: our call is on its way; `never`: it was lost. */
export interface Account {
  readonly payment: PaymentId;
  readonly fate: "asked" | "never" | "open" | "authorized" | "captured" | "failed" | "closed";
  /** Ids of refunds that went back, and of those that were refused for good. */
  readonly refunded: readonly string[];
  readonly refused: readonly string[];
}

/** How often each kind of bad or busy thing may still happen: what keeps the world finite. */
export interface Budget {
  readonly payments: number;
  readonly cancels: number;
  readonly refunds: number;
  /** Messages, answers and calls that are lost. */
  readonly losses: number;
  /** Messages that are delivered again later. */
  readonly repeats: number;
  /** Captures and refunds that a provider refuses for good. */
  readonly refusals: number;
}

const RIVAL = "ord_rival";
/** After so long every claim on the first hold is over. */
const CLAIMS_END_MS = 5_000;
const LATE_MS = 3_600_000;
/** The fixtures number their orders as they are asked for: of this one there is only one. */
const ORDER: Order = pending();
const [LINE] = ORDER.lines;

/** What the SKU answers and becomes, for a state and a command: the same few come up again and again. */
const answers = new Map<string, Map<string, { sku: string; answer: unknown }>>();

const skuOf = (frozen: string): SkuState => thaw(JSON.parse(frozen) as string[]);

type KnownHold = Pick<Hold, "state" | "until">;
const holds = new Map<string, Map<string, KnownHold>>();

/** The hold of the order, as its SKU has it now. */
export function holdOfOrder({ sku, order: { order } }: Pick<World, "sku" | "order">): KnownHold {
  let known = holds.get(sku);
  if (known === undefined) holds.set(sku, (known = new Map()));
  let hold = known.get(order);
  if (hold === undefined) {
    const { state, until } = skuOf(sku).holds.get(order) ?? { state: "released", until: 0 };
    known.set(order, (hold = { state, until }));
  }
  return hold;
}

/** The SKU's clock knows three times only: holds last, their end, and everything after. */
export function clockOf(now: number): number {
  if (now < PAY_BY) return PLACED_AT + 1;
  return now < PAY_BY + CLAIMS_END_MS ? PAY_BY : PAY_BY + LATE_MS;
}

export const spend = (world: World, what: keyof Budget): World => ({
  ...world,
  left: { ...world.left, [what]: world.left[what] - 1 },
});

export function accountOf({ accounts }: World, payment: PaymentId): Account {
  const found = accounts.find((known) => known.payment === payment);
  if (!found) throw new Error(`the provider has never been asked for ${payment}`);
  return found;
}

/** The world with one payment changed, or new, at its provider. */
export function account(world: World, payment: PaymentId, change: Partial<Account>): World {
  const known = world.accounts.find((other) => other.payment === payment);
  const others = world.accounts.filter((other) => other !== known);
  const fresh: Account = { payment, fate: "asked", refunded: [], refused: [] };
  return { ...world, accounts: [...others, { ...(known ?? fresh), ...change }] };
}

const freezeSku = (state: SkuState): string => JSON.stringify(freeze(state));

/** The SKU after a command, and its answer. */
export function ask<Answer>(
  sku: string,
  command: SkuCommand | null,
  now: number,
): { sku: string; answer: Answer } {
  // The state is long, and one text for all worlds that share it: to look for it costs less than to write it into a key.
  let asked = answers.get(sku);
  if (!asked) answers.set(sku, (asked = new Map()));
  const key = `${now} ${JSON.stringify(command)}`;
  let known = asked.get(key);
  if (!known) {
    const state = skuOf(sku);
    const { results } = apply(state, command ? [command] : [], now);
    asked.set(key, (known = { sku: freezeSku(state), answer: results[0] }));
  }
  return known as { sku: string; answer: Answer };
}

export const holdOf = (order: Order, buyer: string): SkuCommand => ({
  type: "hold",
  request: {
    order: order.order,
    buyer,
    sale: order.sale,
    quantity: 1,
    home: { key: buyer, fingerprint: "f", others: [], othersHeldUntil: null },
  },
});

export const rivalHold: SkuCommand = holdOf({ ...ORDER, order: RIVAL }, "rival");
export const rivalMove = { order: RIVAL, take: 1, buyer: "rival", quantity: 1 } as const;

/** A SKU with one unit, frozen, and what has been asked of it already. */
export function skuWith(holdMs: number, commands: readonly SkuCommand[]): string {
  const state = emptyState();
  const config = {
    sku: LINE?.sku ?? "",
    sale: ORDER.sale,
    name: "Lamp",
    price: ORDER.amount,
    perBuyerMax: 1,
    holdMs,
    opensAt: 0,
    closesAt: Number.MAX_SAFE_INTEGER,
  };
  apply(state, [{ type: "configure", config, stock: 1 }, ...commands], PLACED_AT);
  return freezeSku(state);
}

/** The order has just been placed, and has the only unit. */
export function firstWorld(left: Budget): World {
  return {
    now: PLACED_AT,
    order: ORDER,
    born: false,
    outbox: [],
    strays: [],
    accounts: [],
    callbacks: [],
    sku: skuWith(PAY_BY - PLACED_AT, [holdOf(ORDER, ORDER.buyer)]),
    rival: "waiting",
    cases: [],
    left,
  };
}

/**
 * A name for everything about a world that can make a difference to what may happen next. Of times only what is due counts, since
 * the clock only ever moves to what is due next; of work only its key, which says what it is.
 */
export const nameOf = (world: World): Name => [commonOf(world), world.rival, ownOf(world)];

/** What everybody in a world shares. */
export const commonOf = ({ now, sku, left }: Pick<World, "now" | "sku" | "left">): Name => [
  clockOf(now),
  now >= PAY_BY + LATE_MS,
  sku,
  Object.values(left),
];

/** What is one order's own. */
export function ownOf(world: World): Name {
  const { now, order, born, outbox, strays, accounts, callbacks, cases } = world;
  const { state, reason, payments, refunds, paidBy, stock, take } = order;
  return [
    [state, reason, paidBy, stock, take, born],
    payments.map((payment) => {
      const { id, failure, askAt, action, providerRef, createdAt } = payment;
      const young = now < createdAt + CREATE_GRACE_MS;
      return [id, payment.state, failure, askAt && askAt <= now, action && 1, providerRef && 1, young];
    }),
    refunds.map((refund) => [refund.id, refund.state, refund.payment, refund.amount.amount, refund.reason]),
    outbox.map(([key]) => key),
    strays.map(([key]) => key),
    accounts.map(({ payment, fate, refunded, refused }) => [payment, fate, refunded, refused]),
    callbacks.map((report) => [report.type, "payment" in report && report.payment]),
    cases,
  ];
}
