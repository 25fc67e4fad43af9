import { chanceOf } from "../chance.ts";
import type { PaymentId } from "../../schema/ids.ts";
import type { Order, Payment } from "../../schema/order.ts";
import type { Refusal } from "../../worker/problem.ts";
import { must } from "./audit.ts";
import { attempted, together, type Flow } from "./flow.ts";
import type { Answer, Press } from "./shop.ts";
import type { World } from "./world.ts";

/** Who is stubborn presses again after so long. */
const STUBBORN_MS = 1_500;
/** Who is hasty believes within so long that they have paid. */
const HASTY_MS = 5_000;
const PRESSES_MAX = 4;
const PAY_TRIES_MAX = 3;
const PAYMENTS_MAX = 3;
/** Refusals that another press of the same button may turn. */
const WORTH_ANOTHER: readonly Refusal["code"][] = [
  "overloaded",
  "idempotency_in_flight",
  "provider_unavailable",
];

interface Started {
  readonly order: Order;
  readonly payment: Payment;
}

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
  /** Starts a payment, leaves the bank's page without a word, and orders again the moment that the first order has ended. */
  readonly #isStubborn: boolean;

  constructor(world: World, n: number) {
    this.#world = world;
    this.#name = `b${n}`;
    this.#chance = chanceOf(Math.imul(world.weather.seed, 7_919) + n);
    this.#isStubborn = this.#chance() < 0.05;
  }

  *live(): Flow<void> {
    yield this.#pick(this.#world.weather.rushMs);
    const wanted = this.#isStubborn || this.#chance() < 0.12 ? 2 : 1;
    for (let n = 0; n < wanted; n++) {
      const order = yield* this.#press(`key-${n}`, this.#cart());
      if (order) yield* this.#decide(order);
      const left = this.#isStubborn && order ? order.payBy - this.#world.loop.now : 0;
      yield Math.max(0, left) + this.#pick(this.#isStubborn ? STUBBORN_MS : 10_000);
    }
  }

  #pick(below: number): number {
    return Math.floor(this.#chance() * below);
  }

  #cart(): Press["lines"] {
    const { skus } = this.#world.weather;
    const quantity = this.#chance() < 0.85 ? 1 : 2;
    const first = this.#pick(skus.length);
    const second = (first + 1) % skus.length;
    const lines = [{ sku: skus[first]?.name ?? "", quantity }];
    if (second !== first && this.#chance() < 0.2) lines.push({ sku: skus[second]?.name ?? "", quantity: 1 });
    return lines;
  }

  /** Presses until there is an order, or a refusal that is final. All presses use one key. */
  *#press(key: string, lines: Press["lines"]): Flow<Order | null> {
    const { inside, seen } = this.#world;
    const place = (): Flow<Answer<{ order: Order }> | null> =>
      attempted(inside.place({ buyer: this.#name, lines, key }));
    const isRaced = this.#chance() < 0.06;
    let hadNone = false;
    for (let press = 0; press < PRESSES_MAX; press++) {
      const answers = yield* together(isRaced ? [place(), place(), place()] : [place()]);
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
      if (isFinal && !this.#isStubborn && this.#chance() < 0.7) return null;
      yield this.#isStubborn ? STUBBORN_MS : 1_000 + this.#pick(20_000);
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

  *#decide(order: Order): Flow<void> {
    yield this.#pick(this.#chance() < 0.85 ? 4_000 : this.#world.weather.holdMs * 1.2);
    const mood = this.#isStubborn ? 1 : this.#chance();
    if (mood < 0.45) return;
    yield* mood < 0.5 ? this.#cancel(order) : this.#pay(order);
  }

  *#cancel({ order }: Order): Flow<void> {
    for (let press = 0; press < PAY_TRIES_MAX; press++) {
      if (yield* attempted(this.#world.inside.cancel(order, this.#name))) return;
      yield 2_000;
    }
  }

  *#pay(order: Order): Flow<void> {
    for (let n = 0; n < PAYMENTS_MAX; n++) {
      const started = yield* this.#start(order, n);
      if (!started?.ok) return;
      const shown = yield* this.#page(order, started.value.payment);
      if (this.#isStubborn) return;
      if (!shown) continue;
      const paid = yield* this.#atTheBank(order, shown);
      if (paid && this.#chance() < 0.9) return;
    }
  }

  *#start({ order }: Order, n: number): Flow<Answer<Started> | null> {
    const method = this.#chance() < 0.4 ? "card" : "bank";
    const press = { order, buyer: this.#name, method, key: `pay-${order}-${n}` };
    const isHasty = this.#chance() < 0.1;
    let answer: Answer<Started> | null = null;
    for (let tried = 0; tried < PAY_TRIES_MAX; tried++) {
      const paying = attempted(this.#world.inside.pay(press));
      answer = isHasty ? yield* this.#hastily(order, paying) : yield* paying;
      if (answer?.ok || (answer && !WORTH_ANOTHER.includes(answer.error.code))) return answer;
      yield 2_000 + this.#pick(5_000);
    }
    return answer;
  }

  /** Comes back from the bank in another tab, while the bank may not even know of the payment. */
  *#hastily<T>(order: Order["order"], paying: Flow<T>): Flow<T> {
    const { loop, inside } = this.#world;
    loop.after(this.#pick(HASTY_MS), () => loop.begin(attempted(inside.nudge(order)), () => undefined));
    return yield* paying;
  }

  /** Nobody pays on a page that they were never shown. */
  *#page({ order }: Order, payment: Payment): Flow<PaymentId | null> {
    if (payment.action) return payment.id;
    yield 12_000;
    const now = yield* attempted(this.#world.inside.read(order));
    return now?.payments.some(({ id, action }) => id === payment.id && action !== null) ? payment.id : null;
  }

  /** True when the buyer believes that they have paid. */
  *#atTheBank({ order }: Order, payment: PaymentId): Flow<boolean> {
    const { bank, inside, weather } = this.#world;
    yield this.#pick(this.#chance() < 0.85 ? 4_000 : weather.holdMs * 1.3);
    const mood = this.#chance();
    if (mood < 0.08) return false;
    const answer = mood < 0.2 ? bank.decline(`bnk_${payment}`) : bank.approve(`bnk_${payment}`);
    if (this.#chance() < 0.5) yield* attempted(inside.nudge(order));
    return answer.ok && mood >= 0.2;
  }
}
