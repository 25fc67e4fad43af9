import { skuNumberOf } from "../../schema/ids.ts";
import { chanceOf } from "../chance.ts";
import { Violation } from "./audit.ts";
import { Buyer } from "./buyers.ts";
import type { Fault } from "./faults.ts";
import type { Flow } from "./flow.ts";
import { takeGlobals } from "./globals.ts";
import { checkAtRest, checkSwept, digestOf } from "./laws.ts";
import type { Sometimes } from "./sometimes.ts";
import { USUAL, weatherOf, type Depth, type Depths } from "./weather.ts";
import { World } from "./world.ts";

const SWEEP_MS = 300_000;
/** After the last fault so much time is enough for everything: the bank calls back for three quarters of an hour. */
const QUIET_MS = 3 * 3_600_000;
/** Sweeps and staff have that long after the last fault. */
const STAFF_MS = 90 * 60_000;
const DESK_MS = 600_000;
/** Buyers look at their orders at once, or so late that the sweep must have found what was forgotten. */
const LOOK_SOON_MS = 60_000;
const LOOK_LATE_MS = 75 * 60_000;

/** What is left out of a world when its schedule is shortened; null leaves nothing out. */
export interface Choice {
  readonly buyers: ReadonlySet<number> | null;
  readonly faults: ReadonlySet<number> | null;
}
export const EVERYTHING: Choice = { buyers: null, faults: null };

export interface Lived {
  readonly depth: Depth;
  readonly orders: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly buyers: number;
  readonly faults: ReadonlyMap<Fault, number>;
  readonly seen: ReadonlyMap<Sometimes, number>;
  readonly injected: World["faults"]["injected"];
  /** Equal for equal ends. */
  readonly digest: string;
  readonly violation: string | null;
}

let worlds = 0;

/** Lives one sale from its seed: faults on, then healed, then at rest; and looks whether every law holds. */
export function live(seed: number, choice: Choice = EVERYTHING, depths: Depths = USUAL): Promise<Lived> {
  return liveIn(new World(weatherOf(seed, worlds++, depths), choice.faults), choice.buyers);
}

/** @param who the buyers that come; null are all of them. */
export async function liveIn(world: World, who: Choice["buyers"]): Promise<Lived> {
  const { weather } = world;
  const putBack = takeGlobals(world.loop, weather.seed);
  let violation: string | null = null;
  const buyers = Array.from({ length: weather.buyers }, (_, n) => new Buyer(world, n));
  try {
    for (const [n, buyer] of buyers.entries()) if (!who || who.has(n)) begin(world, buyer.live());
    plan(world);
    await world.loop.live(weather.beganAt + weather.healedMs + QUIET_MS);
    checkAtRest(world, buyers);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    violation = cause instanceof Violation ? cause.message : `${cause.message}\n${cause.stack ?? ""}`;
  } finally {
    putBack();
  }
  const { loop, faults, seen } = world;
  let placed = 0;
  for (const { orders: here } of world.auditors.values()) placed += here;
  return {
    depth: weather.depth,
    orders: placed,
    events: loop.happened,
    virtualMs: loop.now - weather.beganAt,
    buyers: weather.buyers,
    faults: faults.counts,
    seen: seen.counts,
    injected: faults.injected,
    digest: digestOf(world),
    violation,
  };
}

/** Somebody begins something; a broken law ends the world, a failed call only what they did. */
function begin({ loop }: World, work: Flow<unknown>): void {
  loop.begin(work, (failure) => {
    if (failure?.cause instanceof Violation) loop.stop(failure.cause);
  });
}

/** Everything that does not come from buyers. */
function plan(world: World): void {
  const { weather, loop, faults } = world;
  const { books } = world.inside;
  const since = (ms: number): number => weather.beganAt + ms;
  for (const ms of weather.deploysMs) loop.at(since(ms), () => world.deploy());
  const { d1Down } = weather;
  if (d1Down)
    loop.at(since(d1Down.fromMs), () => {
      books.isDown = faults.take("d1_down", -1);
      const throughout = d1Down.fromMs === 0 && d1Down.untilMs === weather.healedMs;
      if (books.isDown && throughout) world.seen.see("d1_down_throughout");
    });
  if (d1Down) loop.at(since(d1Down.untilMs), () => (books.isDown = false));
  loop.at(since(weather.healedMs), () => {
    faults.isOver = true;
  });
  const end = since(weather.healedMs + STAFF_MS);
  for (let at = since(SWEEP_MS); at < end; at += SWEEP_MS) loop.at(at, () => begin(world, sweep(world)));
  const chance = chanceOf(weather.seed + 1);
  for (let n = 0; n < 6; n++)
    loop.at(since(Math.floor(chance() * weather.healedMs)), () => begin(world, serve(world, n, chance)));
  for (let at = since(weather.healedMs + DESK_MS); at < end; at += DESK_MS)
    loop.at(at, () => begin(world, tidy(world)));
  const looksMs = weather.healedMs + (weather.buyersComeBack ? LOOK_SOON_MS : LOOK_LATE_MS);
  if (!weather.buyersComeBack) loop.at(since(looksMs), () => checkSwept(world));
  loop.at(since(looksMs) + 1, () => begin(world, comeBack(world)));
}

function* sweep(world: World): Flow<void> {
  const before = [...world.orders.values()].filter(
    ({ alarmAt, order }) => alarmAt === null && order && isOpen(order.state),
  );
  yield* world.inside.sweep();
  if (before.some(({ order, alarmAt }) => alarmAt !== null || !isOpen(order?.state ?? "")))
    world.seen.see("swept");
}

const isOpen = (state: string): boolean => state === "pending" || state === "paying";

/** Staff at work during the sale: some units come, some money goes back. */
function* serve(world: World, n: number, chance: () => number): Flow<void> {
  const { weather } = world;
  const sku = weather.skus[n % weather.skus.length];
  if (n < 2 && sku) {
    const request = {
      key: `restock-${n}`,
      fingerprint: "f",
      delta: 1 + Math.floor(chance() * 5),
      reason: "found",
    };
    yield* world.sku(skuNumberOf(sku.name)).restock(request);
    return;
  }
  const paid = [...world.orders.values()].filter(({ order }) => order?.state === "paid");
  const { order } = paid[Math.floor(chance() * paid.length)] ?? {};
  if (!order) return;
  const part = { amount: 1 + Math.floor(chance() * order.amount.amount), currency: order.amount.currency };
  const amount = chance() < 0.5 ? null : part;
  yield* world.order(order.order).refund({
    amount,
    reason: "staff",
    by: "desk",
    key: `desk-${n}`,
    fingerprint: "f",
  });
}

/** Staff after the storm: they look at the stock, dead letters are sent again, and refunds that the bank refused are made again. */
function* tidy(world: World): Flow<void> {
  const { inside } = world;
  for (const { name } of world.weather.skus) yield* world.sku(skuNumberOf(name)).view();
  for (const letter of inside.books.letters()) {
    yield* inside.replay(letter);
    world.seen.see("dead_letter_replayed");
  }
  for (const object of world.orders.values())
    for (const { id, state } of object.order?.refunds ?? []) {
      if (state !== "failed") continue;
      const again = {
        again: id,
        amount: null,
        reason: "again",
        by: "desk",
        key: `again-${id}`,
        fingerprint: "f",
      };
      const answer = yield* world.order(object.id).refund(again);
      if (answer.ok && !answer.value.replayed) world.seen.see("refund_made_again");
    }
}

/** Everybody looks at their order. */
function* comeBack(world: World): Flow<void> {
  for (const id of world.parties.keys()) yield* world.inside.read(id);
}
