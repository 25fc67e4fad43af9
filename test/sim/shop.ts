import type { Account, Callback } from "../../durable-objects/sandbox-bank/machine.ts";
import type { Outbox } from "../../durable-objects/sku/outbox.ts";
import type { OrderId } from "../../schema/ids.ts";
import type { Effect, Order, Payment } from "../../schema/order.ts";
import type { Result } from "../../schema/result.ts";
import type { Refusal } from "../../worker/problem.ts";
import type { Notice } from "../../worker/providers/port.ts";
import type { ReadModel } from "./copy.ts";
import type { Flow } from "./flow.ts";
import type { Journal, SimRow } from "./journal.ts";
import type { Letter } from "./queues.ts";
import type { Sender } from "./sku-object.ts";

export type Answer<T> = Result<T, { readonly code: Refusal["code"] }>;

export interface Press {
  readonly buyer: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly key: string;
}

export interface PayPress {
  readonly order: OrderId;
  readonly buyer: string;
  readonly method: string;
  readonly key: string;
}

/** Everything between buyers and objects: the Worker's own code, or in a light world what it comes to. */
export interface Shop {
  readonly books: ReadModel;
  place(press: Press): Flow<Answer<{ order: Order }>>;
  pay(press: PayPress): Flow<Answer<{ order: Order; payment: Payment }>>;
  cancel(order: OrderId, buyer: string): Flow<Answer<Order>>;
  read(order: OrderId): Flow<Order | null>;
  nudge(order: OrderId): Flow<unknown>;
  consume(queue: string, letters: Letter[]): Flow<unknown>;
  sweep(): Flow<unknown>;
  /** Sends a dead letter to its queue again. */
  replay(letter: string): Flow<unknown>;
}

/** How a world is from the inside: where a whole one and a light one differ. */
export interface Inside extends Shop {
  newJournal(): Journal;
  /** @param isAlive whether the instance that sends is still the one in memory. */
  sender(outbox: Outbox<SimRow>, isAlive: () => boolean): Sender;
  /** What the disk gives back of an order. */
  stored(order: Order): Order;
  /** Hands an order's work to the queues; what is lost comes again. */
  send(order: Order, waiting: readonly { readonly key: string; readonly effect: Effect | null }[]): void;
  /** What a callback says. */
  notice(event: string, account: Account, callback: Callback): Pick<Notice, "order" | "report">;
}
