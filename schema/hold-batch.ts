import type { SkuApi } from "./actors.ts";
import type { SaleId } from "./ids.ts";
import { times } from "./money.ts";
import type { Line, Placement } from "./order.ts";
import { ok } from "./result.ts";
import type { HoldAnswer, HoldRequest } from "./sku.ts";

/**
 * Many holds, and their answers, as one text each: a call between objects copies every object with the names of its fields,
 * which for a thousand holds takes longer than deciding them. What nearly all of them are is an array without names; any
 * other request or answer stands there as it is.
 */

/** `order, buyer, quantity, key, fingerprint` of an order of one line, in the batch's sale. */
type Short = [string, string, number, string, string];

interface Holds {
  readonly sale: SaleId;
  readonly holds: readonly (Short | HoldRequest)[];
}

/** The number of its line, `createdAt`, `payBy`: an order of that one line, placed just now as it was asked for. */
type Placed = [number, number, number];

interface Answers {
  readonly lines: readonly Line[];
  readonly answers: readonly (Placed | HoldAnswer)[];
}

/** Asks for many holds in one call: an answer for each, in their order. */
export async function holdMany(
  sku: Pick<SkuApi, "holdMany">,
  requests: readonly HoldRequest[],
): Promise<HoldAnswer[]> {
  return answersOf(await sku.holdMany(textOfHolds(requests)), requests);
}

/** As it travels. All of a batch are in one sale. */
export function textOfHolds(requests: readonly HoldRequest[]): string {
  const sale = requests[0]?.sale ?? "";
  const holds = requests.map((request): Short | HoldRequest => {
    const { order, buyer, quantity, home } = request;
    const isShort = home?.others.length === 0 && home.othersHeldUntil === null && request.sale === sale;
    return isShort ? [order, buyer, quantity, home.key, home.fingerprint] : request;
  });
  return JSON.stringify({ sale, holds } satisfies Holds);
}

const NO_LINES: readonly Line[] = [];

/** What a batch asks for. */
export function holdsOf(text: string): HoldRequest[] {
  const { sale, holds } = JSON.parse(text) as Holds;
  return holds.map((hold) => {
    if (!Array.isArray(hold)) return hold;
    const [order, buyer, quantity, key, fingerprint] = hold;
    const home = { key, fingerprint, others: NO_LINES, othersHeldUntil: null };
    return { order: order as HoldRequest["order"], buyer, sale, quantity, home };
  });
}

/** The answers to a batch. */
export function textOfAnswers(answers: readonly HoldAnswer[]): string {
  const lines: Line[] = [];
  return JSON.stringify({
    answers: answers.map((answer): Placed | HoldAnswer => {
      const placement = answer.ok && !answer.value.replayed ? answer.value.placement : null;
      const [line, ...others] = placement?.lines ?? [];
      if (!placement || !line || others.length > 0) return answer;
      return [numberOf(line, lines), placement.createdAt, placement.payBy];
    }),
    lines,
  } satisfies Answers);
}

/** Nearly always they are all alike. */
function numberOf(line: Line, lines: Line[]): number {
  const at = lines.findLastIndex((known) => isAlike(known, line));
  return at >= 0 ? at : lines.push(line) - 1;
}

const isAlike = (a: Line, b: Line): boolean =>
  a.sku === b.sku &&
  a.name === b.name &&
  a.quantity === b.quantity &&
  a.unitPrice.amount === b.unitPrice.amount &&
  a.unitPrice.currency === b.unitPrice.currency;

/** What the SKU answered to these requests. */
export function answersOf(text: string, requests: readonly HoldRequest[]): HoldAnswer[] {
  const { answers, lines } = JSON.parse(text) as Answers;
  return answers.map((answer, index) => {
    if (!Array.isArray(answer)) return answer;
    const [number, createdAt, payBy] = answer;
    const [request, line] = [requests[index], lines[number]];
    if (!request || !line) throw new Error("the SKU answered what it was not asked");
    return ok({ placement: placementOf(request, line, createdAt, payBy), replayed: false });
  });
}

function placementOf(request: HoldRequest, line: Line, createdAt: number, payBy: number): Placement {
  const { order, sale, buyer } = request;
  return {
    order,
    sale,
    buyer,
    lines: [line],
    amount: times(line.unitPrice, line.quantity),
    createdAt,
    payBy,
  };
}
