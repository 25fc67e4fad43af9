import { log } from "../../durable-objects/log.ts";
import { isOrderId, type OrderId, type SaleId } from "../../schema/ids.ts";
import type { Case } from "../../schema/order.ts";
import type { Sale } from "../../schema/sale.ts";
import { openCase, resolveCase } from "../read-models/cases.ts";
import { ordersAfter, ordersOf } from "../read-models/books.ts";
import { listSales } from "../read-models/catalogue.ts";
import {
  keepAuditor,
  keepFindings,
  listDifferences,
  readAuditor,
  type Difference,
} from "../read-models/differences.ts";
import { compareOrders, ON_ITS_WAY_MS } from "./compare-orders.ts";
import { compareSkus } from "./compare-skus.ts";
import type { Findings } from "./findings.ts";

/**
 * A round makes fewer than the thousand calls that an invocation may make: two for each order and one to tell D1 again, two for
 * each SKU of sales of fifty, and what one SKU's journal takes.
 */
const ORDERS_A_ROUND = 100;
const ORDERS_AGAIN = 50;
const SALES_A_ROUND = 2;
const DIFFERENCES_MAX = 200;
/** A difference that is still seen after this time is a case: it is longer than any pause of a queue, and three rounds. */
export const GRACE_MS = 15 * 60_000;

export interface Audited {
  readonly findings: Findings;
  /** Where to go on; null at the end. */
  readonly next: string | null;
}

/** One round by the clock: what differed before is looked at again, then the next orders and sales in turn. */
export async function auditNext(env: Env, now: number, restMs = ON_ITS_WAY_MS): Promise<Findings> {
  const { orderCursor, saleCursor } = await readAuditor(env.DB);
  const known = await listDifferences(env.DB, DIFFERENCES_MAX);
  const again = ordersIn(known).slice(0, ORDERS_AGAIN);
  const page = await ordersAfter(env.DB, { sale: null, after: orderCursor, max: ORDERS_A_ROUND });
  const rows = [...(await ordersOf(env.DB, again)), ...page.filter(({ id }) => !again.includes(id))];
  const findings = await compareOrders(env, rows, now);

  const sales = (await listSales(env.DB)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const turn = inTurn(sales, saleCursor, known);
  for (const sale of turn) findings.add(await compareSkus(env, sale, restMs, now));

  await conclude(env, findings, now);
  await keepAuditor(env.DB, {
    ranAt: now,
    compared: findings.compared,
    different: findings.different.length,
    orderCursor: page.length < ORDERS_A_ROUND ? "" : (page.at(-1)?.id ?? ""),
    saleCursor: turn.at(-1)?.id ?? "",
  });
  return findings;
}

/** A sale as somebody asks: its SKUs first, and its orders page by page. */
export async function auditSale(env: Env, sale: Sale, cursor: string | null, now: number): Promise<Audited> {
  const after = cursor ?? "";
  const page = await ordersAfter(env.DB, { sale: sale.id, after, max: ORDERS_A_ROUND });
  const findings = await compareOrders(env, page, now);
  if (cursor === null) findings.add(await compareSkus(env, sale, 0, now));
  await conclude(env, findings, now);
  return { findings, next: page.length < ORDERS_A_ROUND ? null : (page.at(-1)?.id ?? null) };
}

const ordersIn = (known: readonly Difference[]): OrderId[] =>
  known.map(({ id }) => id.replace(/^order /, "")).filter(isOrderId);

/** One sale whose SKUs differed before, and those after the last of the round before, around and around. */
function inTurn(sales: readonly Sale[], after: SaleId, known: readonly Difference[]): Sale[] {
  const wanted = new Set(known.map(({ id }) => id));
  const again = sales.filter(({ offers }) => offers.some(({ sku }) => wanted.has(`sku ${sku}`))).slice(0, 1);
  const round = [...sales.filter(({ id }) => id > after), ...sales.filter(({ id }) => id <= after)];
  return [...again, ...round.filter((sale) => !again.includes(sale))].slice(0, SALES_A_ROUND);
}

const isOld = ({ since, seenAt }: Difference): boolean => seenAt - since >= GRACE_MS;

/** Writes down what was found. What has differed for too long is a case; what has healed is one no more. */
async function conclude(env: Env, findings: Findings, now: number): Promise<void> {
  const healed = await keepFindings(env.DB, findings.agreeing, findings.different);
  for (const difference of healed.filter(isOld)) {
    const resolution = "D1 and the actor say the same again";
    await resolveCase(env.DB, caseOf(difference).id, { by: "auditor", resolution, now });
  }
  const old = (await listDifferences(env.DB, DIFFERENCES_MAX)).filter(isOld);
  for (const difference of old) await openCase(env.DB, { ...caseOf(difference), openedAt: now });
  const { compared, different, republished } = findings;
  log({ event: "audit", compared, different: different.length, republished, healed: healed.length });
}

function caseOf({ id, detail, since }: Difference): Case {
  const order = id.replace(/^order /, "");
  return {
    id: `read_model_differs:${id.replace(" ", ":")}:${since}`,
    kind: "read_model_differs",
    order: isOrderId(order) ? order : null,
    payment: null,
    detail: `${id}: ${detail}`,
    openedAt: since,
  };
}
