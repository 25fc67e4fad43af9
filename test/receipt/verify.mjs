#!/usr/bin/env node
// Verifies the receipt of a sale, and shares no code with what wrote it: `node verify.mjs lamps.receipt`.
// Ends with 0 and a summary, or with 1 and the first line that is wrong and why.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

const ROOT_HASH = "0".repeat(64);
const sha256 = (...parts) =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex");

class Wrong extends Error {}
const must = (condition, why) => {
  if (!condition) throw new Wrong(why);
};
const amountOf = ({ amount, currency }) => `${amount} ${currency}`;

/** One SKU, lived through again from its journal. */
class Sku {
  constructor(name) {
    this.name = name;
    this.seq = 0;
    this.hash = ROOT_HASH;
    this.offers = [];
    this.initial = 0;
    this.restocked = 0;
    this.free = 0;
    this.held = 0;
    this.sold = 0;
    /** order -> { buyer, quantity, state, offer } */
    this.holds = new Map();
    /** buyer -> units held or owned */
    this.owned = new Map();
  }

  row({ seq, at, prev, hash, body }) {
    must(seq === this.seq + 1, `row ${seq} of ${this.name} does not follow row ${this.seq}`);
    must(prev === this.hash, `row ${seq} of ${this.name} does not follow the row before it`);
    must(
      hash === sha256([prev, seq, at, body].join("\n")),
      `row ${seq} of ${this.name} is not what its hash says`,
    );
    this.seq = seq;
    this.hash = hash;
    for (const event of JSON.parse(body)) {
      if (Array.isArray(event)) this.short(event, at);
      else this.long(event, at);
    }
    const sum = this.free + this.held + this.sold;
    must(
      this.initial + this.restocked === sum && Math.min(this.free, this.held, this.sold) >= 0,
      `after row ${seq} ${this.name} has ${this.free} free, ${this.held} held and ${this.sold} sold of ${this.initial + this.restocked}`,
    );
  }

  short([type, order, ...rest], at) {
    if (type === "held") {
      const [buyer, quantity, until, , , offer] = rest;
      const { perBuyerMax, opensAt, closesAt } = this.offers.at(-1);
      const owned = this.owned.get(buyer) ?? 0;
      must(quantity <= this.free, `${this.name}: ${order} takes ${quantity} of ${this.free} free units`);
      must(
        owned + quantity <= perBuyerMax,
        `${this.name}: ${buyer} has ${owned + quantity} units, and may have ${perBuyerMax}`,
      );
      must(at >= opensAt && at < closesAt, `${this.name}: ${order} was taken while the sale was not open`);
      must(until > at, `${this.name}: ${order} was held until before it was taken`);
      must(!this.holds.has(order), `${this.name}: ${order} is held twice`);
      this.take(order, buyer, quantity, { state: "held", offer: offer ?? null });
    } else if (type === "claimed") this.live(order).state = "claimed";
    else if (type === "sold") this.end(order, "sold");
    else if (type === "released") this.end(order, "released");
    else throw new Wrong(`${this.name} knows no event ${type}`);
  }

  long(event) {
    const { type, order, buyer, quantity } = event;
    if (type === "configured") {
      if (this.offers.length === 0) this.initial = this.free = event.initial;
      this.offers.push(event.config);
    } else if (type === "restocked") {
      this.restocked += event.delta;
      this.free += event.delta;
    } else if (type === "retaken") {
      const before = this.holds.get(order);
      if (before?.state === "held" || before?.state === "claimed") before.state = "claimed";
      else {
        must(before?.state !== "sold", `${this.name}: ${order} is sold, and was taken again`);
        must(
          quantity <= this.free,
          `${this.name}: ${order} takes again ${quantity} of ${this.free} free units`,
        );
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
    if (state === "sold") this.sold += hold.quantity;
    else {
      this.free += hold.quantity;
      this.owned.set(hold.buyer, this.owned.get(hold.buyer) - hold.quantity);
    }
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

class Receipt {
  constructor() {
    this.sale = null;
    this.skus = new Map();
    this.orders = new Map();
    /** our payment id -> what the bank says, and on which line */
    this.statement = new Map();
    this.lines = 0;
    this.ended = false;
  }

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
    } else if (kind === "order") this.order(facts);
    else if (kind === "payment") this.payment(facts);
    else if (kind === "end") {
      must(facts.lines === this.lines, `there are ${this.lines} lines, and should be ${facts.lines}`);
      this.finish();
      this.ended = true;
    } else throw new Wrong(`nobody knows a line of the kind ${kind}`);
  }

  /** Price, sums and units of an order are those of the journals. */
  order(order) {
    const { id, state, lines, amount, buyer, payments, refunds } = order;
    must(!this.orders.has(id), `the order ${id} is there twice`);
    must(HOLDS[state], `the order ${id} is ${state}, which is no state`);
    let sum = 0;
    for (const line of lines) {
      const sku = this.skus.get(line.sku);
      must(sku, `the order ${id} buys ${line.sku}, which this sale does not sell`);
      const hold = sku.holds.get(id);
      must(hold, `the order ${id} has no hold at ${line.sku}`);
      must(
        hold.buyer === buyer && hold.quantity === line.quantity,
        `the order ${id} is not what ${line.sku} holds for it`,
      );
      must(HOLDS[state].includes(hold.state), `the order ${id} is ${state}, and its unit is ${hold.state}`);
      const offered = hold.offer === null ? sku.offers : [sku.offers[hold.offer]];
      const isPriced = offered.some(({ price }) => amountOf(price) === amountOf(line.unit_price));
      must(
        isPriced,
        `the order ${id} pays ${amountOf(line.unit_price)} for ${line.sku}, which was never its price`,
      );
      sum += line.unit_price.amount * line.quantity;
      must(line.unit_price.currency === amount.currency, `the order ${id} adds currencies`);
    }
    must(sum === amount.amount, `the order ${id} is of ${amountOf(amount)}, and its lines are of ${sum}`);
    const won = payments.filter((payment) => payment.state === "succeeded");
    must(state !== "paid" || won.length > 0, `the order ${id} is paid, and nobody paid`);
    for (const payment of won)
      must(
        amountOf(payment.amount) === amountOf(amount),
        `the order ${id} was paid with ${amountOf(payment.amount)}`,
      );
    const back = refunds
      .filter((refund) => refund.state === "succeeded")
      .reduce((all, refund) => all + refund.amount.amount, 0);
    must(back <= won.length * amount.amount, `the order ${id} gave back more than came`);
    this.orders.set(id, order);
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
    must(
      (state === "succeeded") === (known.state === "succeeded"),
      `the bank says ${reference} is ${state}, its order says ${known.state}`,
    );
    if (state !== "succeeded") return;
    must(
      amountOf(amount) === amountOf(known.amount),
      `the bank took ${amountOf(amount)} for ${reference}, its order says ${amountOf(known.amount)}`,
    );
  }

  /** Everything that is held or sold has an order, and the money kept is that of the orders that are paid. */
  finish() {
    for (const sku of this.skus.values())
      for (const [order, { state }] of sku.holds)
        must(
          this.orders.has(order) || state === "released",
          `${sku.name} has a unit ${state} for ${order}, which is no order of this receipt`,
        );
    for (const order of this.orders.values()) {
      const bank = order.payments.map(({ id, provider }) =>
        provider === "sandbox" ? this.statement.get(id) : null,
      );
      if (bank.includes(null)) continue;
      let kept = 0;
      for (const [at, { id, state }] of order.payments.entries()) {
        must(state !== "succeeded" || bank[at], `the bank knows nothing of ${id}, which succeeded`);
        if (bank[at]?.state === "succeeded") kept += bank[at].amount.amount - bank[at].refunded.amount;
      }
      const back = order.refunds
        .filter(({ state }) => state === "succeeded")
        .reduce((all, { amount }) => all + amount.amount, 0);
      const came = order.payments.filter(({ state }) => state === "succeeded").length * order.amount.amount;
      must(kept === came - back, `the bank keeps ${kept} of ${order.id}, and should keep ${came - back}`);
      must(
        order.state === "paid" || kept === 0 || order.refunds.some(({ state }) => state !== "succeeded"),
        `the order ${order.id} is ${order.state}, and ${kept} were kept of it`,
      );
    }
  }
}

const receipt = new Receipt();
let hash = ROOT_HASH;
let number = 0;
try {
  for await (const text of createInterface({
    input: createReadStream(process.argv[2] ?? "receipt", "latin1"),
    crlfDelay: Infinity,
  })) {
    number++;
    const [said, ...rest] = text.split(" ");
    const json = Buffer.from(rest.join(" "), "latin1");
    hash = sha256(hash, json);
    must(said === hash, "it is not as it was written");
    receipt.line(JSON.parse(json.toString("utf8")));
  }
  must(receipt.ended, "it ends too early");
} catch (cause) {
  if (!(cause instanceof Wrong)) throw cause;
  console.error(`line ${number}: ${cause.message}`);
  process.exit(1);
}
const sold = [...receipt.skus.values()].map(
  (sku) => `${sku.name} ${sku.sold} of ${sku.initial + sku.restocked}`,
);
console.log(
  `${receipt.sale.id}: ${receipt.orders.size} orders, sold ${sold.join(", ")}; nothing is wrong in ${number} lines.`,
);
