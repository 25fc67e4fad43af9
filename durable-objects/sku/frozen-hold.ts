import type { Line } from "../../schema/order.ts";
import type { HoldState } from "../../schema/sku.ts";
import type { Hold } from "./state.ts";

/** `order, buyer, quantity, state, until, take, endedAt`, and on a home hold `key, offer, createdAt, payBy` and the other lines. */
export type FrozenHold = [
  Hold["order"],
  string,
  number,
  HoldState,
  number,
  number,
  number,
  ...home: [] | [string, number, number, number, ...others: Line[]],
];

/** What a hold is, without its place in memory. */
export type HoldFacts = Pick<
  Hold,
  "order" | "buyer" | "quantity" | "home" | "state" | "until" | "take" | "endedAt"
>;

export function freezeHold({
  order,
  buyer,
  quantity,
  state,
  until,
  take,
  endedAt,
  home,
}: HoldFacts): FrozenHold {
  const placed: [] | [string, number, number, number, ...Line[]] = home
    ? [home.key, home.offer, home.createdAt, home.payBy, ...home.others]
    : [];
  return [order, buyer, quantity, state, until, take, endedAt, ...placed];
}

const NO_LINES: readonly Line[] = [];
/** Where the other lines begin. */
const LINES_AT = 11;

export function thawHold(frozen: FrozenHold): HoldFacts {
  const [order, buyer, quantity, state, until, take, endedAt, key, offer, createdAt, payBy] = frozen;
  const others = frozen.length > LINES_AT ? (frozen.slice(LINES_AT) as Line[]) : NO_LINES;
  const isHome = key !== undefined && offer !== undefined && createdAt !== undefined && payBy !== undefined;
  const home = isHome ? { key, offer, others, createdAt, payBy } : null;
  return { order, buyer, quantity, state, until, take, endedAt, home };
}
