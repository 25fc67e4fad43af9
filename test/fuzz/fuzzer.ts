import { chanceOf } from "../chance.ts";
import { bankCallback } from "../fixtures/bank-callback.ts";
import { SECRETS } from "../system/server.ts";
import { ApiDocument, nameOf, type Operation } from "./document.ts";
import { Memory, type KnownOrder } from "./memory.ts";
import { peopleOf, type People } from "./people.ts";
import { Requests, SALES, saleBody, skusOf, type Shot } from "./requests.ts";
import type { Town } from "./town.ts";

/** Requests under way at once. */
const WIDTH = 16;
/** After so many the books are looked at. */
const EVERY = 1_000;
const ANSWER_MS_MAX = 120_000;
const BUYERS = 12;
/** How often an order is looked at while it changes by itself. */
const LOOKS_MAX = 20;
/** Where code lies, and what SQL says. */
const LEAKS = /\bat .{1,80}\.[jt]s:\d+|SQLITE_|D1_ERROR|node_modules/;
/** What opens something, and the operations whose answer may hold it: the one in which it is given out. */
const KEYS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/dbk_\w+_/, ["POST /v1/admin/staff-keys"]],
  [/whsec_/, ["POST /v1/admin/webhook-endpoints", "POST /v1/admin/webhook-endpoints/{endpoint}/rotate"]],
  [/eyJ[\w-]+\.eyJ/, ["POST /v1/buyers"]],
];
/** Answers of hundreds of rows are asked for less often, and what a sale lives on more often. */
const WEIGHTS: Readonly<Record<string, number>> = {
  "GET /metrics": 0.1,
  "GET /v1/admin/audit": 0.1,
  "GET /v1/admin/cases": 0.2,
  "GET /v1/admin/dead-letters": 0.2,
  "GET /v1/admin/staff-keys": 0.2,
  "GET /v1/sales": 0.3,
  "POST /v1/admin/reconciliations": 0.1,
  "POST /v1/admin/webhook-endpoints": 0.5,
  "POST /v1/orders": 4,
  "POST /v1/orders/{order}/payments": 4,
  "POST /v1/admin/orders/{order}/refunds": 2,
};
/** What has never been answered with success is asked for so much more. */
const UNTRIED_WEIGHT = 8;

export interface Finding {
  /** The first request that led to it, as a command. */
  readonly what: string;
  readonly why: string;
  readonly count: number;
}

export interface Heard {
  readonly shot: Shot;
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- any answer of the document may be here
  readonly body: any;
}

interface Task {
  readonly requests: number;
  readonly seed: number;
  /** One after another is exactly the same each time, but for the ids that the server makes. */
  readonly width?: number;
  readonly tell: (line: string) => void;
}

interface Found {
  readonly wrong: readonly Finding[];
  /** Requests and successes of each operation. */
  readonly share: ReadonlyMap<string, { sent: number; fine: number }>;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Sends requests by the document and beside it. Answers with what the document does not know, and with what must never be. */
export async function fuzz(town: Town, { requests, seed, width = WIDTH, tell }: Task): Promise<Found> {
  const fuzzer = await Fuzzer.at(town, seed);
  for (let sent = 0; sent < requests; sent += EVERY) {
    const until = Math.min(sent + EVERY, requests);
    let next = sent;
    const lane = async (): Promise<void> => {
      while (next < until) await fuzzer.one(next++);
    };
    await Promise.all(Array.from({ length: width }, lane));
    await fuzzer.checkBooks();
    tell(`${until}/${requests} sent, ${fuzzer.wrong.size} findings, ${JSON.stringify(fuzzer.statuses)}`);
  }
  return { wrong: [...fuzzer.wrong.values()], share: fuzzer.share, statuses: fuzzer.statuses };
}

class Fuzzer {
  readonly wrong = new Map<string, Finding>();
  readonly statuses: Record<string, number> = {};
  readonly share: Map<string, { sent: number; fine: number }>;
  readonly #town: Town;
  readonly #seed: number;
  readonly #document: ApiDocument;
  readonly #memory = new Memory();
  readonly #requests: Requests;
  /** Requests with a key that were answered with success, and the id they were told. */
  readonly #done: { shot: Shot; id: string }[] = [];

  private constructor(town: Town, seed: number, document: ApiDocument, people: People) {
    this.#town = town;
    this.#seed = seed;
    this.#document = document;
    this.#requests = new Requests(document, this.#memory, people, town);
    this.share = new Map(document.operations.map((one) => [nameOf(one), { sent: 0, fine: 0 }]));
  }

  static async at(town: Town, seed: number): Promise<Fuzzer> {
    const { client } = town.merchant;
    for (const sale of SALES) {
      const made = await client.call(
        "PUT",
        `/v1/admin/sales/${sale}`,
        SECRETS.ADMIN_KEY,
        saleBody(sale, 20, null),
      );
      if (made.status !== 200)
        throw new Error(`the sale ${sale} could not be made: ${JSON.stringify(made.body)}`);
    }
    const fuzzer = new Fuzzer(town, seed, await ApiDocument.at(client.origin), await peopleOf(town));
    for (let n = 0; n < BUYERS; n++) fuzzer.#memory.tokens.set(`fuzz-${n}`, await client.token(`fuzz-${n}`));
    return fuzzer;
  }

  async one(n: number): Promise<void> {
    const chance = chanceOf(Math.imul(this.#seed, 0x9e3779b1) + n);
    const again = this.#done[Math.floor(chance() * this.#done.length)];
    if (again && chance() < 0.03) return this.#repeat(again);
    const operation = this.#pick(chance);
    const shot = await this.#requests.make(operation, chance);
    const heard = await this.#send(shot);
    if (!heard) return;
    this.#memory.hear(heard);
    const isKeyed = operation.parameters.some(({ in: where }) => where === "header");
    if (isKeyed && heard.status < 300 && typeof heard.body?.id === "string")
      this.#done.push({ shot, id: heard.body.id });
    await this.#live(chance);
  }

  /** One of the operations, those that never succeeded sooner. */
  #pick(chance: () => number): Operation {
    const { operations } = this.#document;
    const weights = operations.map((one) => {
      const name = nameOf(one);
      const known = this.share.get(name);
      const isUntried = known !== undefined && known.fine === 0 && known.sent < 500;
      return (WEIGHTS[name] ?? 1) * (isUntried ? UNTRIED_WEIGHT : 1);
    });
    let left = chance() * weights.reduce((sum, weight) => sum + weight, 0);
    const index = weights.findIndex((weight) => (left -= weight) < 0);
    const found = operations[Math.max(index, 0)];
    if (!found) throw new Error("the document has no operations");
    return found;
  }

  /** The same request with the same key is the same thing. */
  async #repeat({ shot, id }: { shot: Shot; id: string }): Promise<void> {
    const heard = await this.#send(shot);
    if (heard && (heard.status >= 300 || heard.body?.id !== id))
      this.#find(shot, `a repeated request was answered with ${heard.status}, not with what it was`);
  }

  async #send(shot: Shot): Promise<Heard | null> {
    const { operation, path, headers, body } = shot;
    const counted = this.share.get(nameOf(operation)) ?? { sent: 0, fine: 0 };
    counted.sent++;
    try {
      const answer = await fetch(`${this.#town.merchant.client.origin}${path}`, {
        method: operation.method,
        headers,
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      const text = await answer.text();
      const { status } = answer;
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      if (answer.ok) counted.fine++;
      this.#judge(shot, status, answer.headers.get("content-type") ?? "", text);
      return { shot, status, body: jsonOf(text) };
    } catch (cause) {
      // Headers that no client can send are not sent.
      if (cause instanceof TypeError && /header|ByteString/i.test(String(cause.cause ?? cause))) return null;
      this.#find(shot, `no answer: ${String(cause)}`);
      return null;
    }
  }

  #judge(shot: Shot, status: number, type: string, text: string): void {
    const { operation } = shot;
    if (LEAKS.test(text)) this.#find(shot, "an answer says what nobody should know");
    if (this.#town.secrets.some((secret) => text.includes(secret)))
      this.#find(shot, "an answer holds a secret");
    for (const [form, where] of KEYS)
      if (form.test(text) && !where.includes(nameOf(operation)))
        this.#find(shot, `an answer holds ${String(form)}`);
    // Busy is what nobody may be made here; a provider that says nothing is a provider's own doing.
    if (status >= 500 && !text.includes('"provider_unavailable"'))
      this.#find(shot, `the answer is ${status}`);
    const why = this.#document.undocumented(operation, status, type, text);
    if (why !== null) this.#find(shot, why);
  }

  #find(shot: Shot, why: string): void {
    const key = `${nameOf(shot.operation)}: ${why}`;
    const known = this.wrong.get(key);
    const what = known?.what ?? commandOf(shot);
    this.wrong.set(key, { what, why: key, count: (known?.count ?? 0) + 1 });
  }

  /** What happens outside meanwhile: buyers at their bank, and now and then a bank that says more than it knows. */
  async #live(chance: () => number): Promise<void> {
    const { merchant, wechat } = this.#town;
    const [bank, payment] = [...this.#memory.bank][Math.floor(chance() * this.#memory.bank.size)] ?? [];
    if (bank && payment && chance() < 0.15) {
      this.#memory.bank.delete(bank);
      if (chance() < 0.15) await this.#lie(bank, payment);
      else
        await merchant.client.call(
          "POST",
          `/sandbox/v1/payments/${bank}/${chance() < 0.85 ? "approve" : "decline"}`,
          "",
        );
    }
    const newest = [...this.#memory.orders.values()].at(-1 - Math.floor(chance() * 10));
    const waiting = newest?.payments.find(({ provider }) => provider === "wechatpay");
    if (waiting && chance() < 0.3) wechat.pay(waiting.id);
    if (chance() < 0.05) wechat.settle();
  }

  /** Money that the bank says it has and does not: it gives none back, so that a refund fails. */
  async #lie(bank: string, { id, order }: { id: string; order: string }): Promise<void> {
    const amount = this.#memory.orders.get(order)?.amount;
    if (!amount) return;
    const { client } = this.#town.merchant;
    const news = {
      event: `evt_lie_${id}`,
      type: "payment.succeeded",
      payment: bank,
      order,
      reference: id,
      amount,
    };
    const { path, headers, body } = bankCallback(SECRETS.SANDBOX_WEBHOOK_SECRET, news);
    await fetch(`${client.origin}${path}`, { method: "POST", headers: { ...headers }, body: String(body) });
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const seen = (await client.call<KnownOrder>("GET", `/v1/orders/${order}`, SECRETS.ADMIN_KEY)).body;
      this.#memory.see(seen);
      if (seen.refunds.some(({ state }) => state === "failed")) return;
      if (seen.state === "paid" && seen.refunds.length === 0)
        await client.call("POST", `/v1/admin/orders/${order}/refunds`, SECRETS.ADMIN_KEY, {
          reason: "a lie",
        });
    }
  }

  /** Each SKU's units are somewhere, those of paid orders are theirs (sold, or about to be), and nobody got more back than they paid. */
  async checkBooks(): Promise<void> {
    const { client } = this.#town.merchant;
    for (const sku of SALES.flatMap(skusOf)) {
      const stock = await client.stock(sku);
      const { initial, restocked, available, held, sold } = stock;
      const paid = [...this.#memory.paid.values()].flat().filter((line) => line.sku === sku);
      const units = paid.reduce((sum, { quantity }) => sum + quantity, 0);
      const isRight = initial + restocked === available + held + sold && Math.min(available, held, sold) >= 0;
      if (!isRight || units > sold + held)
        throw new Error(`the books are wrong: ${JSON.stringify({ ...stock, units })}`);
    }
    for (const order of this.#memory.orders.values())
      if (order.refunded.amount > order.amount.amount)
        throw new Error(`too much went back: ${JSON.stringify(order)}`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const commandOf = ({ operation, path, headers, body }: Shot): string =>
  [
    `curl -X ${operation.method} '${path}'`,
    ...Object.entries(headers).map(
      ([name, value]) => `-H '${name}: ${name === "authorization" ? "…" : value}'`,
    ),
    ...(body === null ? [] : [`-d '${body.slice(0, 300)}'`]),
  ].join(" ");
