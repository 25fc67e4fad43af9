#!/usr/bin/env node
// Verifies the receipt of a sale, and shares no code with what wrote it: `node verify.mjs lamps.receipt`.
// Ends with 0 and a summary, or with 1 and the first line that is wrong and why.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

const ROOT_HASH = "0".repeat(64);
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

class Wrong extends Error {}
const must = (condition, why) => {
  if (!condition) throw new Wrong(why);
};
const amountOf = ({ amount, currency }) => `${amount} ${currency}`;

/** Rows that are chained by themselves, as they stand on disk. */
class Chain {
  seq = 0;
  hash = ROOT_HASH;

  constructor(name) {
    this.name = name;
  }

  follow({ seq, prev, hash }, ...fields) {
    const what = `row ${seq} of ${this.name}`;
    must(seq === this.seq + 1 && prev === this.hash, `${what} does not follow row ${this.seq}`);
    must(hash === sha256([prev, seq, ...fields].join("\n")), `${what} is not what its hash says`);
    this.seq = seq;
    this.hash = hash;
  }
}

/** One SKU, lived through again from its journal. */
class Sku extends Chain {
  offers = [];
  /** What it began with and was given since. */
  all = 0;
  free = 0;
  held = 0;
  sold = 0;
  /** order -> { buyer, quantity, state, offer } */
  holds = new Map();
  /** buyer -> units held or owned */
  owned = new Map();

  row({ at, body, ...link }) {
    this.follow(link, at, body);
    for (const event of JSON.parse(body))
      if (Array.isArray(event)) this.short(event, at);
      else this.long(event);
    const { free, held, sold } = this;
    const isWhole = this.all === free + held + sold && Math.min(free, held, sold) >= 0;
    must(isWhole, `after row ${this.seq} ${this.name} has not what it began with and was given`);
  }

  short([type, order, ...rest], at) {
    if (type === "held") {
      const [buyer, quantity, until, , , offer] = rest;
      const { perBuyerMax, opensAt, closesAt } = this.offers.at(-1);
      const all = (this.owned.get(buyer) ?? 0) + quantity;
      must(quantity <= this.free, `${this.name}: ${order} takes ${quantity} of ${this.free} free units`);
      must(all <= perBuyerMax, `${this.name}: ${buyer} has ${all} units, and may have ${perBuyerMax}`);
      must(at >= opensAt && at < closesAt, `${this.name}: ${order} was taken while the sale was not open`);
      must(until > at, `${this.name}: ${order} was held until before it was taken`);
      must(!this.holds.has(order), `${this.name}: ${order} is held twice`);
      this.take(order, buyer, quantity, { state: "held", offer: offer ?? null });
    } else if (type === "claimed") this.live(order).state = "claimed";
    else if (type === "sold" || type === "released") this.end(order, type);
    else throw new Wrong(`${this.name} knows no event ${type}`);
  }

  long(event) {
    const { type, order, buyer, quantity } = event;
    if (type === "configured") {
      if (this.offers.length === 0) this.all = this.free = event.initial;
      this.offers.push(event.config);
    } else if (type === "restocked") {
      this.all += event.delta;
      this.free += event.delta;
    } else if (type === "retaken") {
      const before = this.holds.get(order);
      if (before?.state === "held" || before?.state === "claimed") before.state = "claimed";
      else {
        const isFree = before?.state !== "sold" && quantity <= this.free;
        must(isFree, `${this.name}: ${order} takes again what is sold, or not free`);
        this.take(order, buyer, quantity, { state: "claimed", offer: before?.offer ?? null });
      }
    } else must(["tombstoned", "bound", "unbound"].includes(type), `${this.name} knows no event ${type}`);
  }

  take(order, buyer, quantity, facts) {
    this.holds.set(order, { buyer, quantity, ...facts });
    this.owned.set(buyer, (this.owned.get(buyer) ?? 0) + quantity);
    this.free -= quantity;
    this.held += quantity;
  }

  live(order) {
    const hold = this.holds.get(order);
    must(hold?.state === "held" || hold?.state === "claimed", `${this.name}: ${order} is not held`);
    return hold;
  }

  end(order, state) {
    const hold = this.live(order);
    hold.state = state;
    this.held -= hold.quantity;
    this[state === "sold" ? "sold" : "free"] += hold.quantity;
    if (state !== "sold") this.owned.set(hold.buyer, this.owned.get(hold.buyer) - hold.quantity);
  }
}

/** What an order may become. */
const EDGES = `pending-paying pending-paid pending-expired paying-pending paying-paid paying-expired
  paid-refunded expired-paid expired-refunded`.split(/\s+/);

/** One order, lived through again from its history. */
class Life extends Chain {
  state = "pending";
  version = 1;
  started = new Set();
  /** Payments that succeeded, each with the sum that came. */
  came = new Set();
  promised = new Set();
  back = new Set();
  /** What people were told of: somebody else's word, or another sum, that the order did not believe. */
  cases = 0;

  entry({ at, kind, type, detail, ...link }) {
    this.follow(link, at, kind, type, detail);
    const { from, version, payment, refund, amount } = JSON.parse(detail);
    if (kind === "transition") {
      const legal = from === this.state && EDGES.includes(`${from}-${type}`) && version > this.version;
      must(legal, `${this.name} went from ${from} to ${type}, and was ${this.state}`);
      must(type !== "paid" || this.came.size > 0, `${this.name} was paid before anybody had paid`);
      Object.assign(this, { state: type, version });
    } else if (type === "payment_started") this.started.add(payment);
    else if (type === "payment_succeeded") this.came.add(`${payment} ${amountOf(amount)}`);
    else if (type === "refund_payment") this.promised.add(refund);
    else if (type === "refund_succeeded") this.back.add(refund);
    else if (type === "open_case") this.cases++;
  }

  /** What the order says of itself is what its history led to. */
  ends({ id, state, version, amount, payments, refunds }) {
    const isThere = state === this.state && version >= this.version;
    must(isThere, `${id} is ${state}, its history says ${this.state}`);
    const same = (known, set) => known.length === set.size && known.every((one) => set.has(one.id));
    must(same(payments, this.started), `the payments of ${id} are not those of its history`);
    must(same(refunds, this.promised), `the refunds of ${id} are not those of its history`);
    const check = (one, happened) => {
      const agrees = (one.state === "succeeded") === happened || (happened && this.cases > 0);
      must(agrees, `${one.id} is ${one.state}, its history says ${happened ? "succeeded" : "it is not"}`);
    };
    for (const one of payments) check(one, this.came.has(`${one.id} ${amountOf(amount)}`));
    for (const one of refunds) check(one, this.back.has(one.id));
  }
}

/** What a hold may be, by its order's state. A refunded order may have kept its unit, or never got one. */
const HOLDS = {
  pending: ["held", "claimed", "sold"],
  paying: ["claimed", "sold", "held"],
  paid: ["sold", "claimed"],
  expired: ["released"],
  refunded: ["sold", "released"],
};

const succeeded = (all) => all.filter(({ state }) => state === "succeeded");
const sumOf = (all) => succeeded(all).reduce((sum, { amount }) => sum + amount.amount, 0);

class Receipt {
  sale = null;
  skus = new Map();
  lives = new Map();
  orders = new Map();
  /** our payment id -> what the bank says */
  statement = new Map();
  lines = 0;
  ended = false;

  line({ kind, ...facts }) {
    this.lines++;
    must(!this.ended, "there are lines after the end");
    must((kind === "sale") === (this.lines === 1), "the first line, and no other, is the sale");
    if (kind === "sale") {
      this.sale = facts;
      for (const { sku } of facts.skus) this.skus.set(sku, new Sku(sku));
    } else if (kind === "row") {
      must(this.skus.has(facts.sku), `${facts.sku} is not of this sale`);
      this.skus.get(facts.sku).row(facts);
    } else if (kind === "entry") {
      must(!this.orders.has(facts.order), `${facts.order} goes on after its end`);
      if (!this.lives.has(facts.order)) this.lives.set(facts.order, new Life(facts.order));
      this.lives.get(facts.order).entry(facts.row);
    } else if (kind === "order") this.order(facts);
    else if (kind === "payment") this.payment(facts);
    else if (kind === "end") this.finish(facts);
    else throw new Wrong(`nobody knows a line of the kind ${kind}`);
  }

  /** Price, sums and units of an order are those of the journals, its state is where its history led. */
  order(order) {
    const { id, state, reason, lines, amount, payments, refunds } = order;
    must(!this.orders.has(id), `${id} is there twice`);
    for (const line of lines) this.bought(order, line);
    const sum = lines.reduce((all, line) => all + line.unit_price.amount * line.quantity, 0);
    must(sum === amount.amount, `${id} is of ${amountOf(amount)}, and its lines are of ${sum}`);
    // What nothing ever happened to has no history: it waits, or its time has passed.
    const life = this.lives.get(id) ?? new Life(id);
    if (life.seq === 0 && reason === "pay_by_passed") life.state = "expired";
    life.ends(order);
    const won = succeeded(payments);
    must(state !== "paid" || won.length > 0, `${id} is paid, and nobody paid`);
    for (const one of won)
      must(amountOf(one.amount) === amountOf(amount), `${id} was paid with ${amountOf(one.amount)}`);
    const back = sumOf(refunds);
    must(back <= won.length * amount.amount, `${id} gave back more than came`);
    must(state !== "refunded" || back >= amount.amount, `${id} is refunded, and only ${back} went back`);
    this.orders.set(id, order);
  }

  bought({ id, state, amount, buyer }, { sku: name, quantity, unit_price: price }) {
    const sku = this.skus.get(name);
    must(sku, `${id} buys ${name}, which this sale does not sell`);
    const hold = sku.holds.get(id);
    must(hold?.buyer === buyer && hold.quantity === quantity, `${id} is not what ${name} holds for it`);
    must(HOLDS[state]?.includes(hold.state), `${id} is ${state}, and its unit is ${hold.state}`);
    const offered = hold.offer === null ? sku.offers : [sku.offers[hold.offer]];
    const isPriced = offered.some((offer) => amountOf(offer.price) === amountOf(price));
    must(isPriced, `${id} pays ${amountOf(price)} for ${name}, which was never its price`);
    must(price.currency === amount.currency, `${id} adds currencies`);
  }

  /** What the bank has is what the order knows. Payments of other sales are none of this one's business. */
  payment({ id, reference, order: named, state, amount, refunded }) {
    must(!this.statement.has(reference), `the bank has ${reference} twice`);
    this.statement.set(reference, { state, amount, refunded });
    const order = this.orders.get(named);
    const isOurs = [...this.skus.values()].some(({ holds }) => holds.has(named));
    must(order || !isOurs, `the bank has ${id} of an order that is not in this receipt`);
    if (!order) return;
    const known = order.payments.find((payment) => payment.id === reference);
    must(known, `the bank has ${id}, which its order ${named} never started`);
    const agree = (state === "succeeded") === (known.state === "succeeded");
    must(agree, `the bank says ${reference} is ${state}, its order says ${known.state}`);
    const isSame = state !== "succeeded" || amountOf(amount) === amountOf(known.amount);
    must(isSame, `the bank took ${amountOf(amount)} for ${reference}, and not ${amountOf(known.amount)}`);
  }

  /** Everything that is held or sold has an order, and the money kept is that of the orders that are paid. */
  finish({ lines }) {
    must(lines === this.lines, `there are ${this.lines} lines, and should be ${lines}`);
    for (const id of this.lives.keys()) must(this.orders.has(id), `the history of ${id} has no order`);
    for (const { holds } of this.skus.values())
      for (const [order, { state }] of holds)
        must(state === "released" || this.orders.has(order), `${order} is no order of this receipt`);
    for (const order of this.orders.values()) this.kept(order);
    this.ended = true;
  }

  kept({ id, state, amount, payments, refunds }) {
    if (payments.some(({ provider }) => provider !== "sandbox")) return;
    let kept = 0;
    for (const payment of payments) {
      const bank = this.statement.get(payment.id);
      must(payment.state !== "succeeded" || bank, `the bank knows nothing of ${payment.id}, which succeeded`);
      if (bank?.state === "succeeded") kept += bank.amount.amount - bank.refunded.amount;
    }
    const due = succeeded(payments).length * amount.amount - sumOf(refunds);
    must(kept === due, `the bank keeps ${kept} of ${id}, and should keep ${due}`);
    const isOwed = state === "paid" || kept === 0 || succeeded(refunds).length < refunds.length;
    must(isOwed, `the order ${id} is ${state}, and ${kept} were kept of it`);
  }
}

const receipt = new Receipt();
let hash = ROOT_HASH;
let number = 0;
try {
  const input = createReadStream(process.argv[2] ?? "receipt", "latin1");
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    number++;
    const [said, ...rest] = text.split(" ");
    const json = Buffer.from(rest.join(" "), "latin1");
    hash = sha256(Buffer.concat([Buffer.from(hash), json]));
    must(said === hash, "it is not as it was written");
    receipt.line(JSON.parse(json.toString("utf8")));
  }
  must(receipt.ended, "it ends too early");
} catch (cause) {
  if (!(cause instanceof Wrong)) throw cause;
  console.error(`line ${number}: ${cause.message}`);
  process.exit(1);
}
const sold = [...receipt.skus.values()].map((sku) => `${sku.name} ${sku.sold} of ${sku.all}`);
const found = `${receipt.orders.size} orders, ${receipt.lives.size} histories, sold ${sold.join(", ")}`;
console.log(`${receipt.sale.id}: ${found}; nothing is wrong in ${number} lines.`);
