import { keyInMemory } from "../../durable-objects/sku/buyers.ts";
import { assertCounted } from "../../durable-objects/sku/conservation.ts";
import { advance } from "../../durable-objects/sku/leaving.ts";
import { holdOf, ownedBy } from "../../durable-objects/sku/recall.ts";
import type { SkuState } from "../../durable-objects/sku/state.ts";
import { skuNumberOf, type OrderId } from "../../schema/ids.ts";
import type { Order, Placement } from "../../schema/order.ts";
import { contentsOf } from "../fixtures/frozen-sku.ts";
import { must, type SkuAuditor, type Unit } from "./audit.ts";
import type { Buyer } from "./buyers.ts";
import type { OrderObject } from "./order-object.ts";
import type { SkuObject } from "./sku-object.ts";
import type { World } from "./world.ts";

/** In one light world of so many the journals are read again. */
const REPLAYED_EVERY = 8;

/** Everything that must be true once all is quiet. */
export function checkAtRest(world: World, buyers: readonly Buyer[]): void {
  const { loop, queues } = world;
  must(!loop.isPlanned, "it does not come to rest: things are still planned");
  for (const [name, queue] of Object.entries(queues))
    must(queue.open === 0 && queue.dead?.open === 0, `${name} is not empty`);
  const letters = world.inside.books.letters();
  must(letters.length === 0, `nobody has sent ${letters[0]} again`);
  const cases = casesOf(world);
  for (const number of world.skus.keys()) checkSku(world, number);
  for (const object of world.orders.values()) checkOrder(world, object, cases.get(object.id) ?? new Set());
  checkMoney(world, cases);
  checkReadModel(world);
  checkTold(world, buyers);
}

/** With nobody looking, the clock and the sweep must have brought every order to its end. */
export function checkSwept({ orders }: World): void {
  for (const { id, order } of orders.values())
    must(
      order?.state !== "pending" && order?.state !== "paying",
      `nobody has found ${id}, which is ${order?.state}`,
    );
}

function casesOf({ inside }: World): Map<OrderId, Set<string>> {
  const cases = new Map<OrderId, Set<string>>();
  for (const { id, order, kind } of inside.books.cases()) {
    must(kind === "dead_letter" || order !== null, `the case ${id} is of no order`);
    must(
      kind !== "unknown_order" && kind !== "unknown_payment" && kind !== "wrong_account",
      `there is a case ${id}`,
    );
    if (!order) continue;
    const known = cases.get(order) ?? new Set();
    cases.set(order, known.add(kind));
  }
  return cases;
}

function checkSku(world: World, number: string): void {
  const sku = world.skuObject(number);
  const auditor = world.auditors.get(number);
  const { state } = sku;
  assertCounted(state);
  const { initial, restocked, available, held, sold } = state;
  must(
    held === 0 && available === initial + restocked - sold,
    `${number}: ${held} held and ${available} available of ${initial} + ${restocked} - ${sold}`,
  );
  must(
    auditor !== undefined && auditor.sold === sold && auditor.forSale === initial + restocked,
    `${number}: the journal says ${auditor?.sold} sold, the SKU ${sold}`,
  );
  must(sku.unpublished === 0, `${number}: D1 never acknowledged ${sku.unpublished} rows`);
  if (!sku.journal.isText && world.weather.seed % REPLAYED_EVERY !== 0) return;
  checkMemory(sku, auditor);
  if (!sku.journal.isText) return;
  // Once more as it comes back from its disk, of which the last snapshot may be a part.
  sku.crash();
  checkMemory(sku, auditor);
}

/** All of a state. What waits to leave memory and has moved on since is left out: nothing comes of it, and only one that lived sweeps it up. */
function textOf(state: SkuState): string {
  const { leaving, left, holds } = state;
  const leaves = leaving.slice(left).flatMap((item) => {
    if ("hold" in item) {
      const { at, hold } = item;
      return hold.endedAt === at && holds.get(hold.order) === hold ? [[at, hold.order]] : [];
    }
    const { at, buyer, key } = item;
    const entry = keyInMemory(state, buyer, key);
    // The key of an order that was placed here leaves with its hold.
    return entry?.at === at && holds.get(entry.order)?.home?.key !== key ? [[at, key]] : [];
  });
  const kept = contentsOf(state).filter((text) => !text.startsWith("leaving "));
  return JSON.stringify([kept, leaves]);
}

/** The journal tells the same, and everybody has what they have taken. */
function checkMemory(sku: SkuObject, { units }: SkuAuditor): void {
  const { number, state } = sku;
  const replayed = sku.replayed();
  advance(replayed, state.now);
  must(textOf(replayed) === textOf(state), `${number}: the journal tells another state`);
  const sold = new Map<string, number>();
  for (const { buyer, state: phase } of units.values())
    if (phase === "sold") sold.set(buyer, (sold.get(buyer) ?? 0) + 1);
  for (const [buyer, count] of sold) {
    const owned = ownedBy(state, buyer).length;
    must(owned === count, `${number}: ${buyer} has bought ${count} times, and ${owned} orders are known`);
  }
}

/** The units of an order at each of its SKUs, as their journals tell it. */
const unitsOf = ({ auditors }: World, { order, lines }: Placement): (Unit | undefined)[] =>
  lines.map(({ sku }) => auditors.get(skuNumberOf(sku))?.units.get(order));

function checkOrder(world: World, object: OrderObject, cases: ReadonlySet<string>): void {
  const { order, rows } = object;
  if (!order || !rows) return;
  const { order: id, state, stock } = order;
  must(rows.outbox.size === 0, `${id} still owes ${[...rows.outbox.keys()].join(", ")}`);
  must(state !== "pending" && state !== "paying", `${id} never ended: ${state}`);
  must(
    order.refunds.every((refund) => refund.state !== "pending"),
    `${id} has a refund that never ended`,
  );
  if (cases.has("stock_lost"))
    must(
      (world.faults.counts.get("clock_ahead") ?? 0) + (world.faults.counts.get("clock_behind") ?? 0) > 0,
      `${id} lost its claimed units`,
    );
  const isSold = state === "paid" || (state === "refunded" && stock === "committed");
  for (const [index, unit] of unitsOf(world, order).entries()) {
    const { sku, quantity } = order.lines[index] ?? {};
    if (isSold && !cases.has("stock_lost"))
      must(
        unit?.state === "sold" && unit.quantity === quantity,
        `${id} is ${state} and its ${sku} is ${unit?.state}`,
      );
    else if (!cases.has("capture_failed") && !cases.has("stock_lost"))
      must(
        unit === undefined || unit.state === "released",
        `${id} is ${state} and its ${sku} is ${unit?.state}`,
      );
  }
  if (state === "paid" && order.lines.length > 1) world.seen.see("two_lines");
}

/** The bank's truth against the orders' view of it: to the cent, and nothing is kept for nothing. */
function checkMoney({ bank, orders }: World, cases: ReadonlyMap<OrderId, ReadonlySet<string>>): void {
  const given = new Map<string, number>();
  for (const { payment, amount, state } of bank.refunds.values())
    if (state === "succeeded") given.set(payment, (given.get(payment) ?? 0) + amount.amount);
  for (const account of bank.accounts.values()) {
    const { reference, state, refunded } = account;
    const order = orders.get(account.order)?.order;
    const payment = order?.payments.find(({ id }) => id === reference);
    must(
      order !== null && order !== undefined && payment !== undefined,
      `nobody knows the payment ${reference}`,
    );
    must((given.get(reference) ?? 0) === refunded.amount, `the bank's own books of ${reference} differ`);
    must(refunded.amount <= account.amount.amount, `more went back than came with ${reference}`);
    must(account.amount.amount === order.amount.amount, `${reference} is of another sum than its order`);
    // A dead payment's only news spoke of another sum: that is for people, and they have been told.
    if (cases.get(account.order)?.has("amount_mismatch") && payment.state !== "succeeded") continue;
    must(state !== "authorized", `${reference} is promised for ever`);
    must(
      (payment.state === "succeeded") === (state === "succeeded"),
      `${reference} is ${state}, and the order believes ${payment.state}`,
    );
    checkBooks(order, reference, state === "succeeded" ? account.amount.amount - refunded.amount : 0);
  }
}

function checkBooks(order: Order, payment: string, kept: number): void {
  const known = order.payments.find(({ id }) => id === payment);
  let left = known?.state === "succeeded" ? known.amount.amount : 0;
  for (const refund of order.refunds)
    if (refund.payment === payment && refund.state === "succeeded") left -= refund.amount.amount;
  must(kept === left, `the bank keeps ${kept} of ${payment}, and the order believes ${left}`);
  if (order.state !== "paid" || payment !== order.paidBy)
    must(kept === 0, `${kept} of ${payment} is kept for nothing`);
}

/** D1 has of every order exactly what its owner has. */
function checkReadModel(world: World): void {
  const { books } = world.inside;
  const { orders } = world;
  for (const number of world.skus.keys())
    for (const [id, unit] of world.auditors.get(number)?.units ?? []) {
      const born = orders.get(id)?.order;
      const hold = born ? null : holdOf(world.skuObject(number).state, id);
      if (!born && !hold?.home) continue;
      const row = books.row(id);
      must(row !== null, `D1 does not know ${id}`);
      if (born) {
        must(
          row.version === born.version && row.state === born.state,
          `D1 has ${id} ${row.state} in version ${row.version}, and it is ${born.state} in version ${born.version}`,
        );
        must(row.order === born || seenOf(row.order) === seenOf(born), `D1 has another ${id}`);
      } else
        must(
          row.state === "expired" && row.version === 2,
          `D1 has ${id} as ${row.state}, and its units are ${unit.state}`,
        );
    }
  for (const table of ["payments", "refunds"] as const) {
    const kept = books.children(table);
    if (!kept) continue;
    for (const { order } of orders.values())
      for (const { id, state } of order?.[table] ?? [])
        must(kept.get(id) === state, `D1 has ${id} as ${kept.get(id)}, and it is ${state}`);
  }
  if (books.outdated > 0) world.seen.see("projected_out_of_order");
}

/** What the outside can see of an order: the copy is of its last version, the questions asked since are not in it. */
const seenOf = ({ order, buyer, amount, reason, paidBy, lines, payments, refunds }: Order): string =>
  JSON.stringify([
    [order, buyer, amount, reason, paidBy, lines],
    payments.map(({ id, state, amount: of }) => [id, state, of]),
    refunds.map(({ id, state, amount: of, payment }) => [id, state, of, payment]),
  ]);

/** What buyers were told is there. */
function checkTold(world: World, buyers: readonly Buyer[]): void {
  for (const buyer of buyers)
    for (const { order } of buyer.told.values()) {
      const units = unitsOf(world, order);
      must(units[0] !== undefined, `${order.order} was acknowledged and is not there`);
      const born = world.orders.get(order.order)?.order;
      if (born) must(born.amount.amount === order.amount.amount, `${order.order} has another price`);
      else
        for (const unit of units)
          must(
            unit === undefined || unit.state === "released",
            `${order.order} was never paid, and a unit is ${unit?.state}`,
          );
    }
}

/** Equal for equal ends: what became of every order, every SKU and all money. */
export function digestOf({ loop, weather, orders, skus, bank }: World): string {
  let hash = 0x811c_9dc5;
  const add = (text: string): void => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  };
  add(`${loop.happened} ${loop.now - weather.beganAt}`);
  for (const { order } of orders.values())
    if (order)
      add(`${order.state} ${order.version} ${order.stock} ${order.payments.length} ${order.refunds.length}`);
  for (const sku of skus.values()) add(`${sku.journal.length} ${sku.state.sold} ${sku.state.available}`);
  for (const { state, refunded } of bank.accounts.values()) add(`${state} ${refunded.amount}`);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
