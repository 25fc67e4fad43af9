import type { HoldAnswer } from "../../schema/sku.ts";
import { PAY_BY, PLACED_AT, pending } from "../fixtures/orders.ts";
import { brokenLaw, isQuiet } from "./laws.ts";
import { movesFrom, movesNow, nextInstant } from "./moves.ts";
import type { Name } from "./names.ts";
import type { Rules } from "./search.ts";
import {
  ask,
  clockOf,
  commonOf,
  holdOf,
  holdOfOrder,
  nameOf,
  ownOf,
  skuWith,
  type Budget,
  type World,
} from "./world.ts";

/** One order, and a rival who holds, buys or leaves. */
export const ONE: Rules<World> = { movesFrom, brokenLaw, isQuiet, namesOf: (world) => [nameOf(world)] };

type Shared = "now" | "sku" | "left";

/** An order of two with everything that is its own; `placed`: whether its buyer has come. */
type Side = Omit<World, Shared | "rival"> & { readonly placed: boolean };

/** Two orders, each with all that an order can go through, who want the one unit there is. */
export interface Pair extends Pick<World, Shared> {
  readonly sides: readonly [Side, Side];
}

const ANN = pending();
const BOB = pending({ buyer: "buy_bob" });

const worldOf = ({ now, sku, left }: Pair, { placed: _placed, ...own }: Side): World => ({
  now,
  sku,
  left,
  rival: "gone",
  ...own,
});

const sideOf = ({ now: _now, sku: _sku, left: _left, rival: _rival, ...own }: World): Side => ({
  ...own,
  placed: true,
});

/** Nobody has come yet: who places an order first has the unit. */
export function firstPair(left: Budget): Pair {
  const side = (order: typeof ANN): Side => ({
    placed: false,
    order,
    born: false,
    outbox: [],
    strays: [],
    accounts: [],
    callbacks: [],
    cases: [],
  });
  // Whoever holds does so at the second of the SKU's instants, and to the end of the time to pay.
  const sku = skuWith(PAY_BY - clockOf(PLACED_AT), []);
  return { now: PLACED_AT, sku, left, sides: [side(ANN), side(BOB)] };
}

const otherOf = ({ sides: [ann, bob] }: Pair, side: Side): Side => (side === ann ? bob : ann);

function changed(pair: Pair, side: Side, world: World): Pair {
  const after = sideOf(world);
  const other = otherOf(pair, side);
  const { now, sku, left } = world;
  return { now, sku, left, sides: pair.sides[0] === side ? [after, other] : [other, after] };
}

function* pairMoves(pair: Pair): Generator<readonly [string, Pair]> {
  for (const side of pair.sides) {
    const who = side.order.buyer;
    const world = worldOf(pair, side);
    if (side.placed)
      for (const [what, next] of movesNow(world)) yield [`${who}: ${what}`, changed(pair, side, next)];
    else if (pair.now < PAY_BY) {
      const { sku, answer } = ask<HoldAnswer>(pair.sku, holdOf(side.order, who), clockOf(pair.now));
      if (answer.ok) yield [`${who} places an order`, changed(pair, side, { ...world, sku })];
    }
  }
  const worlds = pair.sides.filter(({ placed }) => placed).map((side) => worldOf(pair, side));
  if (worlds.some(({ accounts }) => accounts.some(({ fate }) => fate === "asked"))) return;
  const ahead = worlds.map(nextInstant).filter((at) => at !== null);
  if (ahead.length > 0) yield ["time passes", { ...pair, now: Math.min(...ahead) }];
}

function brokenPair(pair: Pair): string | null {
  const { sku, sides } = pair;
  if (sides.every(({ order }) => holdOfOrder({ sku, order }).state === "sold"))
    return "one unit is sold twice";
  for (const side of sides) {
    const law = side.placed ? brokenLaw(worldOf(pair, side)) : null;
    if (law) return `${side.order.buyer}: ${law}`;
  }
  return null;
}

const NAMES: readonly (readonly [string, string])[] = [
  [ANN.order.slice("ord_".length), BOB.order.slice("ord_".length)],
  [ANN.buyer, BOB.buyer],
];

/** Words in which a buyer or an order is named, with each in the place of the other. */
const exchangedWords = new Map<string, string>();

function exchangedWord(word: string): string {
  let other = exchangedWords.get(word);
  if (other === undefined) {
    other = NAMES.reduce(
      (said, [ann, bob]) => said.replaceAll(ann, "\0").replaceAll(bob, ann).replaceAll("\0", bob),
      word,
    );
    exchangedWords.set(word, other);
  }
  return other;
}

function exchanged(name: Name): Name {
  if (typeof name === "string") return exchangedWord(name);
  return Array.isArray(name) ? name.map(exchanged) : name;
}

/** It makes no difference which of the two is which. */
function pairNames(pair: Pair): readonly Name[] {
  const common = commonOf(pair);
  const [ann, bob] = pair.sides.map((side): Name => [side.placed, ownOf(worldOf(pair, side))]);
  return [[common, ann, bob], exchanged([common, bob, ann])];
}

export const TWO: Rules<Pair> = {
  movesFrom: pairMoves,
  brokenLaw: brokenPair,
  isQuiet: (pair) => pair.sides.every((side) => !side.placed || isQuiet(worldOf(pair, side))),
  namesOf: pairNames,
};
