import { SoldOutMemory } from "../../durable-objects/gate/sold-out-memory.ts";
import type { GateApi } from "../../schema/actors.ts";
import { skuNumberOf, type BuyerId, type SkuId } from "../../schema/ids.ts";
import type { Offer } from "../../schema/sale.ts";
import type { ClaimAnswer, ClaimRequest, HoldAnswer, HoldRequest } from "../../schema/sku.ts";
import { buyerHashOf } from "../../schema/sold-out.ts";
import { poolingGate, skuActor } from "../actors.ts";

/** What this isolate knows: in a sold-out rush nearly every answer comes from here and costs no call. */
const memory = new SoldOutMemory();

/** A refusal that needs no call: nothing of this SKU was free a moment ago, and this buyer has nothing there. */
export const recallSoldOut = (sku: string, buyer: string, now: number): { held: number } | null =>
  memory.recall(skuNumberOf(sku), buyer, now);

/** Asks for a hold: the SKU itself, or the gate that pools this buyer's requests with those of others. */
export async function holdAt(env: Env, { sku, gates = 0 }: Offer, request: HoldRequest): Promise<HoldAnswer> {
  const number = skuNumberOf(sku);
  const answer = await (gates === 0
    ? skuActor(env, number).hold(request)
    : gateOf(env, sku, request.buyer, gates).hold(number, request));
  const nothingFree = !answer.ok && answer.error.code === "sold_out" && answer.error.available === 0;
  if (nothingFree) await memory.learn(number, Date.now(), () => skuActor(env, number).soldOut());
  return answer;
}

/** Asks for a claim on what a buyer holds, the same way. */
export function claimAt(
  env: Env,
  { sku, gates = 0 }: Pick<Offer, "sku" | "gates">,
  buyer: BuyerId,
  request: ClaimRequest,
): Promise<ClaimAnswer> {
  const number = skuNumberOf(sku);
  if (gates === 0) return skuActor(env, number).claim(request);
  return gateOf(env, sku, buyer, gates).claim(number, request);
}

const gateOf = (env: Env, sku: SkuId, buyer: BuyerId, gates: number): GateApi =>
  poolingGate(env, skuNumberOf(sku), buyerHashOf(buyer) % gates);
