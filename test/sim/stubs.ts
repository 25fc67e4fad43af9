import { Pool } from "../../durable-objects/gate/pool.ts";
import type { BankApi, GateView } from "../../schema/actors.ts";
import { holdMany, holdsOf, textOfAnswers } from "../../schema/hold-batch.ts";
import { isOrderId } from "../../schema/ids.ts";
import type { ClaimAnswer, ClaimRequest, HoldAnswer, HoldRequest } from "../../schema/sku.ts";
import { AskedOrder, AskedSku } from "./asked.ts";
import type { Flow } from "./flow.ts";
import type { Loop } from "./loop.ts";
import type { World } from "./world.ts";

interface Pools {
  readonly holds: Map<string, Pool<HoldRequest, HoldAnswer>>;
  readonly claims: Map<string, Pool<ClaimRequest, ClaimAnswer>>;
}

/** What the Worker finds under the names of its bindings: objects that are called through everything that may go wrong. */
export function stubsOf(world: World) {
  const pools: Pools = { holds: new Map(), claims: new Map() };
  const known = new Map<string, object>();
  const stub = (name: string, make: () => object): object => {
    let made = known.get(name);
    if (!made) known.set(name, (made = promising(world.loop, make())));
    return made;
  };
  return {
    SKU: {
      getByName: (number: string) => stub(number, () => new AskedSku(world, world.skuObject(number), false)),
    },
    ORDER: {
      getByName: (name: string) => {
        if (!isOrderId(name)) throw new Error(`${name} names no order`);
        return stub(name, () => new AskedOrder(world, world.orderObject(name), false));
      },
    },
    GATE: { getByName: (name: string) => gateStub(world, pools, name) },
    SANDBOX_BANK: { getByName: () => bankStub(world) },
  };
}

/** An object whose methods promise what those of the other begin. */
const promising = (loop: Loop, asked: object): object =>
  new Proxy(asked, {
    get: (target, method) => {
      const flow = Reflect.get(target, method) as ((...args: unknown[]) => Flow<unknown>) | undefined;
      return flow && ((...args: unknown[]) => loop.answer(flow.apply(target, args)));
    },
  });

function bankStub({
  bank,
  loop,
}: World): Pick<
  BankApi,
  "createPayment" | "queryPayment" | "closePayment" | "capturePayment" | "refundPayment" | "queryRefund"
> {
  return {
    createPayment: (request) => loop.answer(bank.createPayment(request)),
    queryPayment: async (reference) => bank.queryPayment(reference),
    closePayment: async (reference) => bank.closePayment(reference),
    capturePayment: async (reference, amount) => bank.capturePayment(reference, amount),
    refundPayment: async (request) => bank.refundPayment(request),
    queryRefund: async (reference) => bank.queryRefund(reference),
  };
}

/** A sale's own gate tells what is for sale; one with a slash in its name pools the presses for one SKU. */
function gateStub(world: World, pools: Pools, name: string) {
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
  const askedOf = (number: string): AskedSku => new AskedSku(world, world.skuObject(number), false);
  const hold = (number: string, request: HoldRequest) => {
    const sku = askedOf(number);
    const inText = {
      holdMany: async (batch: string) => textOfAnswers(await loop.answer(sku.holdMany(holdsOf(batch)))),
    };
    return loop.waiting(pooled(pools.holds, name, (requests) => holdMany(inText, requests)).ask(request));
  };
  const claim = (number: string, request: ClaimRequest) => {
    const sku = askedOf(number);
    return loop.waiting(
      pooled(pools.claims, name, (requests) => loop.answer(sku.claimMany(requests))).ask(request),
    );
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
