import { chanceOf } from "../chance.ts";
import type { PaymentId } from "../../schema/ids.ts";
import type { Order, Payment } from "../../schema/order.ts";
import type { Result } from "../../schema/result.ts";
import { cancelOrder } from "../../worker/checkout/cancel.ts";
import { nudgeOrder, startPayment, type Started } from "../../worker/checkout/pay.ts";
import { placeOrder, type Placed, type WantedLine } from "../../worker/checkout/place.ts";
import { readOrder } from "../../worker/checkout/read.ts";
import type { Refusal } from "../../worker/problem.ts";
import { must } from "./audit.ts";
import { SALE, type World } from "./world.ts";

const PRESSES_MAX = 4;
const PAY_TRIES_MAX = 3;
const PAYMENTS_MAX = 3;
/** Refusals that another press of the same button may turn. */
const WORTH_ANOTHER: readonly Refusal["code"][] = [
  "overloaded",
  "idempotency_in_flight",
  "provider_unavailable",
];

type Answer<T> = Result<T, Refusal> | null;

/** What was told to a buyer and must stay true. */
export interface Told {
  readonly order: Order;
  readonly buyer: string;
}

/** One buyer with a mind of their own, drawn from the seed: what they do depends on nobody else's chance. */
export class Buyer {
  readonly told = new Map<string, Told>();
  readonly #world: World;
  readonly #name: string;
  readonly #chance: () => number;

  constructor(world: World, n: number) {
    this.#world = world;
    this.#name = `b${n}`;
    this.#chance = chanceOf(Math.imul(world.weather.seed, 7_919) + n);
  }

  async live(): Promise<void> {
    const { loop, weather } = this.#world;
    await loop.pause(this.#pick(weather.rushMs));
    const wanted = this.#chance() < 0.12 ? 2 : 1;
    for (let n = 0; n < wanted; n++) {
      const order = await this.#press(`key-${n}`, this.#cart());
      if (order) await this.#decide(order);
      await loop.pause(this.#pick(10_000));
    }
  }

  #pick(below: number): number {
    return Math.floor(this.#chance() * below);
  }

  #cart(): WantedLine[] {
    const { skus } = this.#world.weather;
    const quantity = this.#chance() < 0.85 ? 1 : 2;
    const first = this.#pick(skus.length);
    const second = (first + 1) % skus.length;
    const lines = [{ sku: skus[first]?.name ?? "", quantity }];
    if (second !== first && this.#chance() < 0.2) lines.push({ sku: skus[second]?.name ?? "", quantity: 1 });
    return lines;
  }

  /** Presses until there is an order, or a refusal that is final. All presses use one key. */
  async #press(key: string, lines: readonly WantedLine[]): Promise<Order | null> {
    const { env, loop, seen } = this.#world;
    const place = (): Promise<Answer<Placed>> =>
      answered(placeOrder(env, { buyer: this.#name, sale: SALE, lines, key }));
    const isRaced = this.#chance() < 0.06;
    let hadNone = false;
    for (let press = 0; press < PRESSES_MAX; press++) {
      const answers = await Promise.all(isRaced ? [place(), place(), place()] : [place()]);
      const placed = answers.flatMap((answer) => (answer?.ok ? [answer.value.order] : []));
      if (isRaced && placed.length === 3) seen.see("key_raced");
      for (const order of placed) this.#hear(key, order);
      const [order] = placed;
      if (order && hadNone) seen.see("commit_retried");
      if (order) return order;
      hadNone ||= answers.includes(null);
      const isFinal = answers.every(
        (answer) => answer && !answer.ok && !WORTH_ANOTHER.includes(answer.error.code),
      );
      if (isFinal && this.#chance() < 0.7) return null;
      await loop.pause(1_000 + this.#pick(20_000));
    }
    return null;
  }

  /** One key is one order, for ever. */
  #hear(key: string, order: Order): void {
    const known = this.told.get(key);
    if (known)
      must(
        known.order.order === order.order,
        `${this.#name} ${key} is ${known.order.order} and ${order.order}`,
      );
    else this.told.set(key, { order, buyer: this.#name });
  }

  async #decide(order: Order): Promise<void> {
    const { loop, weather } = this.#world;
    await loop.pause(this.#pick(this.#chance() < 0.85 ? 4_000 : weather.holdMs * 1.2));
    const mood = this.#chance();
    if (mood < 0.45) return;
    await (mood < 0.5 ? this.#cancel(order) : this.#pay(order));
  }

  async #cancel({ order }: Order): Promise<void> {
    const { env, loop } = this.#world;
    for (let press = 0; press < PAY_TRIES_MAX; press++) {
      if (await answered(cancelOrder(env, order, this.#name))) return;
      await loop.pause(2_000);
    }
  }

  async #pay(order: Order): Promise<void> {
    for (let n = 0; n < PAYMENTS_MAX; n++) {
      const started = await this.#start(order, n);
      if (!started?.ok) return;
      const shown = await this.#page(order, started.value.payment);
      if (!shown) continue;
      const paid = await this.#atTheBank(order, shown);
      if (paid && this.#chance() < 0.9) return;
    }
  }

  async #start({ order }: Order, n: number): Promise<Answer<Started>> {
    const { env, loop } = this.#world;
    const method = this.#chance() < 0.4 ? "card" : "bank";
    const key = `pay-${order}-${n}`;
    const payer = { address: null, openid: null };
    const facts = { order, buyer: this.#name, provider: "sandbox", method, returnUrl: null, payer, key };
    let answer: Answer<Started> = null;
    for (let press = 0; press < PAY_TRIES_MAX; press++) {
      answer = await answered(startPayment(env, { ...facts, origin: "http://shop.test" }));
      if (answer?.ok || (answer && !WORTH_ANOTHER.includes(answer.error.code))) return answer;
      await loop.pause(2_000 + this.#pick(5_000));
    }
    return answer;
  }

  /** Nobody pays on a page that they were never shown. */
  async #page({ order }: Order, payment: Payment): Promise<PaymentId | null> {
    if (payment.action) return payment.id;
    await this.#world.loop.pause(12_000);
    const now = await readOrder(this.#world.env, order).catch(() => null);
    return now?.payments.some(({ id, action }) => id === payment.id && action !== null) ? payment.id : null;
  }

  /** True when the buyer believes that they have paid. */
  async #atTheBank({ order }: Order, payment: PaymentId): Promise<boolean> {
    const { bank, env, loop, weather } = this.#world;
    await loop.pause(this.#pick(this.#chance() < 0.85 ? 4_000 : weather.holdMs * 1.3));
    const mood = this.#chance();
    if (mood < 0.08) return false;
    const answer = await (mood < 0.2 ? bank.decline(`bnk_${payment}`) : bank.approve(`bnk_${payment}`));
    if (this.#chance() < 0.5) await nudgeOrder(env, order).catch(() => undefined);
    return answer.ok && mood >= 0.2;
  }
}

/** What was answered; null when nothing was. */
async function answered<T>(asked: Promise<Result<T, Refusal>>): Promise<Answer<T>> {
  try {
    return await asked;
  } catch {
    return null;
  }
}
