import type { OrderId } from "../../schema/ids.ts";
import { assert, RuleBroken, unreachable } from "../../schema/result.ts";
import type { SkuEvent } from "../../schema/sku.ts";
import type { Chunk } from "./archive.ts";
import { bindKey, buyerOf, disown, link, unbindKey, type Buyer } from "./buyers.ts";
import { advance, takeFinished } from "./leaving.ts";
import { archivedHoldOf } from "./recall.ts";
import { isLive, type Hold, type SkuState } from "./state.ts";

/** Applies what happened. Changes `state` in place: a copy for each event would cost more than all deciding. */
export function evolve(state: SkuState, event: SkuEvent): void {
  switch (event.type) {
    case "configured":
      if (!state.config) {
        state.initial = event.initial;
        state.available = event.initial;
      }
      state.config = event.config;
      state.offers.push(event.config);
      return;
    case "held": {
      const { order, buyer, quantity, until, home } = event;
      const placed = home && placedAt(state.now, until, home);
      const hold = enter(state, { order, buyer, quantity, home: placed, state: "held", until, take: 1 });
      const owner = takeStock(state, hold);
      if (!home) return;
      const { key, fingerprint } = home;
      bindKey(state, owner, { key, fingerprint, order, at: state.now });
      return;
    }
    case "claimed": {
      claimUntil(state, liveHold(state, event.order), event.until);
      return;
    }
    case "sold": {
      const hold = liveHold(state, event.order);
      state.held -= hold.quantity;
      state.sold += hold.quantity;
      end(state, hold, "sold");
      return;
    }
    case "released": {
      const hold = liveHold(state, event.order);
      state.held -= hold.quantity;
      state.available += hold.quantity;
      end(state, hold, "released");
      disown(state, hold);
      return;
    }
    case "tombstoned":
      return evolveTombstoned(state, event);
    case "retaken":
      return evolveRetaken(state, event);
    case "restocked":
      state.restocked += event.delta;
      state.available += event.delta;
      state.restocks.set(event.key, { fingerprint: event.fingerprint, at: state.now });
      return;
    case "bound": {
      const { buyer, key, fingerprint, order } = event;
      bindKey(state, buyerOf(state, buyer), { key, fingerprint, order, at: state.now });
      state.leaving.push({ at: state.now, buyer, key });
      return;
    }
    case "unbound":
      unbindKey(state, event.buyer, event.key);
      return;
    default:
      return unreachable(event);
  }
}

type HeldHome = NonNullable<Extract<SkuEvent, { type: "held" }>["home"]>;

const placedAt = (createdAt: number, payBy: number, { key, offer, others }: HeldHome): Hold["home"] => ({
  key,
  offer,
  others,
  createdAt,
  payBy,
});

function evolveTombstoned(state: SkuState, event: Extract<SkuEvent, { type: "tombstoned" }>): void {
  const { order, buyer, quantity } = event;
  let hold = changing(state, order) ?? bringBack(state, order);
  if (hold) assert(hold.state === "released", `${order} is ${hold.state} and was tombstoned`);
  hold ??= enter(state, { order, buyer, quantity, home: null, state: "released", until: state.now, take: 0 });
  hold.take = event.take;
  end(state, hold, "released");
}

function evolveRetaken(state: SkuState, event: Extract<SkuEvent, { type: "retaken" }>): void {
  const { order, buyer, quantity, until } = event;
  let hold = changing(state, order) ?? bringBack(state, order);
  if (!hold || hold.state === "released") {
    hold ??= enter(state, { order, buyer, quantity, home: null, state: "claimed", until, take: 0 });
    hold.endedAt = 0;
    takeStock(state, hold);
  }
  assert(hold.state !== "sold", `${order} was taken again after it was sold`);
  hold.take = event.take;
  claimUntil(state, hold, until);
}

/** What happened in one commit. `at` is its clock; `archived` are the chunks of what left memory at its end. */
export interface Happened {
  readonly at: number;
  readonly events: readonly SkuEvent[];
  readonly archived?: readonly Pick<Chunk, "facts" | "hashes">[];
}

/** Rebuilds a state from what happened. */
export function replay(state: SkuState, commits: Iterable<Happened>): void {
  for (const { at, events, archived = [] } of commits) {
    advance(state, at);
    for (const event of events) evolve(state, event);
    for (const { facts, hashes } of archived) {
      const taken = takeFinished(state, facts).length;
      assert(taken === facts, `${facts} finished facts left memory, and ${taken} are there`);
      state.archive.add(hashes);
    }
  }
}

/** A hold that was released and has left memory comes back: something more happens to it. */
function bringBack(state: SkuState, order: OrderId): Hold | undefined {
  const fact = archivedHoldOf(state, order);
  if (!fact) return undefined;
  const { hold, fingerprint } = fact;
  const back = enter(state, hold);
  back.endedAt = hold.endedAt;
  if (hold.home && fingerprint !== null) {
    const { key, createdAt } = hold.home;
    bindKey(state, buyerOf(state, hold.buyer), { key, fingerprint, order, at: createdAt });
  }
  return back;
}

/** What has no deadline has this for its number. */
const NONE = -1;

type Entering = Pick<Hold, "order" | "buyer" | "quantity" | "home" | "state" | "until" | "take">;

/** Puts a hold into memory, without moving any stock. */
export function enter(state: SkuState, facts: Entering): Hold {
  const { order, buyer, quantity, home, until, take } = facts;
  const hold: Hold = {
    order,
    buyer,
    quantity,
    home,
    state: facts.state,
    until,
    take,
    endedAt: 0,
    deadline: NONE,
    asks: 0,
    epoch: state.epoch,
    owner: null,
    previous: null,
    next: null,
  };
  state.holds.set(order, hold);
  if (facts.state === "held") hold.deadline = state.due.push(until, hold);
  return hold;
}

function takeStock(state: SkuState, hold: Hold): Buyer {
  assert(hold.quantity <= state.available, "only what is free is taken");
  state.available -= hold.quantity;
  state.held += hold.quantity;
  const owner = link(state, hold);
  owner.units += hold.quantity;
  return owner;
}

function end(state: SkuState, hold: Hold, as: "sold" | "released"): void {
  leaveDeadline(state, hold);
  hold.state = as;
  hold.endedAt = state.now;
  state.leaving.push({ at: state.now, hold });
}

/** From now on it is claimed, until then. */
export function claimUntil(state: SkuState, hold: Hold, until: number): void {
  leaveDeadline(state, hold);
  hold.state = "claimed";
  hold.until = until;
  hold.asks = 0;
  hold.deadline = state.claims.push(until, hold);
}

function leaveDeadline({ due, claims }: SkuState, hold: Hold): void {
  if (hold.deadline === NONE) return;
  (hold.state === "held" ? due : claims).remove(hold.deadline);
  hold.deadline = NONE;
}

function liveHold(state: SkuState, order: OrderId): Hold {
  const hold = changing(state, order);
  if (!hold || !isLive(hold))
    throw new RuleBroken(`a hold that is not live cannot move: ${order} is ${hold?.state}`);
  return hold;
}

/** A hold that is about to change. */
function changing({ holds, witness }: SkuState, order: OrderId): Hold | undefined {
  const hold = holds.get(order);
  if (hold && witness) witness.seeHold(hold);
  return hold;
}
