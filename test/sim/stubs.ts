import { Pool } from "../../durable-objects/gate/pool.ts";
import type { SkuAnswers, SkuCommand } from "../../durable-objects/sku/commands.ts";
import type { GateView } from "../../schema/actors.ts";
import { holdMany, holdsOf, textOfAnswers } from "../../schema/hold-batch.ts";
import { isOrderId, type OrderId, type SkuNumber } from "../../schema/ids.ts";
import type { Placement, RefundRequest, Report, StartRequest } from "../../schema/order.ts";
import { ok } from "../../schema/result.ts";
import type { Sale } from "../../schema/sale.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  HoldAnswer,
  HoldRequest,
  KeyRequest,
  MoveAnswer,
  Release,
  ReleaseReason,
  RestockRequest,
  StockMove,
} from "../../schema/sku.ts";
import type { Bank } from "./bank.ts";
import type { Calls } from "./calls.ts";
import type { Loop } from "./loop.ts";
import type { OrderObject } from "./order-object.ts";
import type { SkuObject } from "./sku-object.ts";
import type { Seen } from "./sometimes.ts";

/** Parties before this one are SKUs, those from here on buyers. */
const BUYERS_FROM = 10;

export const partyOfBuyer = (buyer: string): number => BUYERS_FROM + Number(buyer.slice(1));

/** As much of a world as its stubs need. */
export interface Callable {
  readonly calls: Calls;
  readonly seen: Seen;
  readonly loop: Loop;
  readonly sale: Sale;
  readonly bank: Bank;
  readonly parties: Map<OrderId, number>;
  partyOf(order: OrderId): number;
  orderObject(order: OrderId): OrderObject;
  skuObject(number: SkuNumber): SkuObject;
}

interface Pools {
  readonly holds: Map<string, Pool<HoldRequest, HoldAnswer>>;
  readonly claims: Map<string, Pool<ClaimRequest, ClaimAnswer>>;
}

/** What the Worker finds under the names of its bindings: objects that are called through everything that may go wrong. */
export function stubsOf(world: Callable) {
  const skus = new Map<string, object>();
  const pools: Pools = { holds: new Map(), claims: new Map() };
  const orders = new Map<string, object>();
  const remembered = (known: Map<string, object>, name: string, make: () => object): object => {
    let stub = known.get(name);
    if (!stub) known.set(name, (stub = make()));
    return stub;
  };
  return {
    SKU: {
      getByName: (number: string) => remembered(skus, number, () => skuStub(world, world.skuObject(number))),
    },
    ORDER: { getByName: (order: string) => remembered(orders, order, () => orderStub(world, order)) },
    GATE: { getByName: (name: string) => gateStub(world, pools, name) },
    SANDBOX_BANK: { getByName: () => world.bank },
  };
}

function skuStub(world: Callable, sku: SkuObject) {
  const { calls } = world;
  const partyOf = (order: OrderId): number => world.partyOf(order);
  const askAll = <Answer>(party: number, commands: readonly SkuCommand[]): Promise<Answer[]> =>
    calls.call(party, sku, () => sku.askAll(commands) as Answer[]);
  const know = ({ order, buyer }: HoldRequest): number => {
    const party = partyOfBuyer(buyer);
    world.parties.set(order, party);
    return party;
  };
  const heard = (answer: SkuAnswers["hold"]): SkuAnswers["hold"] => {
    if (answer.ok) return answer;
    const { code } = answer.error;
    if (code === "released") world.seen.see("tombstone");
    if (code === "purchase_limit" && sku.state.available === 1) world.seen.see("limit_at_last_unit");
    return answer;
  };
  return {
    hold: (request: HoldRequest) =>
      calls.call(know(request), sku, () => heard(sku.ask({ type: "hold", request }))),
    holdMany: async (batch: string) => {
      const requests = holdsOf(batch);
      const parties = requests.map(know);
      if (requests.length > 1) world.seen.see("pooled");
      const commands = requests.map((request) => ({ type: "hold" as const, request }));
      return textOfAnswers(await askAll<HoldAnswer>(parties[0] ?? 0, commands));
    },
    claimMany: (requests: readonly ClaimRequest[]) =>
      askAll<ClaimAnswer>(
        partyOf((requests[0] as ClaimRequest).order),
        requests.map((request) => ({ type: "claim" as const, request })),
      ),
    commitMany: (moves: readonly StockMove[]) =>
      askAll<MoveAnswer>(
        partyOf((moves[0] as StockMove).order),
        moves.map((move) => ({ type: "commit" as const, move })),
      ),
    releaseMany: (releases: readonly Release[]) =>
      askAll<MoveAnswer>(
        partyOf((releases[0] as Release).move.order),
        releases.map(({ move, reason }) => ({ type: "release" as const, move, reason })),
      ),
    claim: (request: ClaimRequest) =>
      calls.call(partyOf(request.order), sku, () => {
        const answer = sku.ask({ type: "claim", request });
        if (!answer.ok) world.seen.see("hold_gone");
        return answer;
      }),
    commit: (move: StockMove) =>
      calls.call(partyOf(move.order), sku, () => sku.ask({ type: "commit", move })),
    release: (move: StockMove, reason: ReleaseReason) =>
      calls.call(partyOf(move.order), sku, () => {
        if (reason === "superseded") world.seen.see("superseded");
        return sku.ask({ type: "release", move, reason });
      }),
    retake: (move: StockMove, until: number) =>
      calls.call(partyOf(move.order), sku, () => sku.ask({ type: "retake", move, until })),
    restock: (request: RestockRequest) =>
      calls.call(0, sku, () => {
        const answer = sku.ask({ type: "restock", request });
        return answer.ok ? ok({ view: sku.view(), replayed: answer.value.replayed }) : answer;
      }),
    bindKey: (request: KeyRequest) =>
      calls.call(partyOfBuyer(request.buyer), sku, () => sku.ask({ type: "bind", request })),
    unbindKey: (request: { buyer: string; key: string; order: OrderId }) =>
      calls.call(partyOfBuyer(request.buyer), sku, () => void sku.ask({ type: "unbind", ...request })),
    find: (order: OrderId) => calls.call(partyOf(order), sku, () => sku.find(order)),
    view: () => calls.call(0, sku, () => sku.view()),
    soldOut: () => calls.call(0, sku, () => sku.soldOut()),
    published: (after: number, through: number) =>
      calls.call(0, sku, () => sku.publishedThrough(after, through)),
  };
}

function orderStub(world: Callable, name: string) {
  if (!isOrderId(name)) throw new Error(`${name} names no order`);
  const { calls } = world;
  const call = <T>(run: (object: ReturnType<Callable["orderObject"]>) => T): Promise<T> => {
    const object = world.orderObject(name);
    return calls.call(world.partyOf(name), object, () => run(object));
  };
  return {
    view: () => call((order) => order.view()),
    start: (request: StartRequest) => call((order) => order.start(request)),
    cancel: (placement: Placement) => call((order) => order.cancel(placement)),
    refund: (request: RefundRequest) => call((order) => order.refund(request)),
    report: (reports: readonly Report[], settles?: string) =>
      call((order) => order.report(reports, settles ?? null)),
  };
}

/** A sale's own gate tells what is for sale; one with a slash in its name pools the presses for one SKU. */
function gateStub(world: Callable, pools: Pools, name: string) {
  const { sale, loop } = world;
  const view = async (): Promise<GateView | null> => {
    if (name !== sale.id) return null;
    const offers = sale.offers.map((offer) => ({
      ...offer,
      gates: offer.gates ?? 0,
      available: 0,
      held: 0,
      sold: 0,
      state: "in_stock" as const,
      at: loop.now,
    }));
    return { sale, state: "open", serverTime: loop.now, offers };
  };
  const hold = (number: string, request: HoldRequest) => {
    const sku = skuStub(world, world.skuObject(number));
    const pool = pooled(pools.holds, name, (requests) => holdMany(sku, requests));
    return loop.waiting(pool.ask(request));
  };
  const claim = (number: string, request: ClaimRequest) => {
    const sku = skuStub(world, world.skuObject(number));
    const pool = pooled(pools.claims, name, (requests) => sku.claimMany(requests));
    return loop.waiting(pool.ask(request));
  };
  return { view, hold, claim };
}

function pooled<Asked, Answer>(
  pools: Map<string, Pool<Asked, Answer>>,
  name: string,
  askAll: (batch: readonly Asked[]) => Promise<readonly Answer[]>,
): Pool<Asked, Answer> {
  let pool = pools.get(name);
  if (!pool) pools.set(name, (pool = new Pool(askAll)));
  return pool;
}
