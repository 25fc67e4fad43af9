import type { Client, OrderBody } from "../../worker/local/client.ts";

/** What one client asked for, and what it was told. */
export interface Entry {
  readonly key: string;
  readonly token: string;
  /** Null until an answer came: then it is acknowledged, and must never be lost. */
  order: string | null;
  /** The last that was said about it. */
  told: { state: string; version: number } | null;
  /** The bank has said that it took the money: the order must end paid. */
  isPaid: boolean;
}

/** A server that is gone is not pressed as fast as one can. */
const GONE_MS = 25;

/** An order as somebody was told of it. */
export type Seen = OrderBody & { readonly version: number };

/** Clients who press, pay and give up, and write down every word they hear. */
export class Ledger {
  readonly sale: string;
  readonly sku: string;
  readonly entries: Entry[] = [];
  readonly #client: Client;
  readonly #chance: () => number;
  #count = 0;

  constructor(client: Client, sale: string, chance: () => number) {
    this.#client = client;
    this.#chance = chance;
    this.sale = sale;
    this.sku = `lamp-${sale}`;
  }

  /** Presses until it is stopped, or the server is gone. */
  async press(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const buyer = `${this.sale}-${++this.#count}`;
      const entry: Entry = {
        key: `key-${buyer}`,
        token: await this.#client.token(buyer),
        order: null,
        told: null,
        isPaid: false,
      };
      this.entries.push(entry);
      try {
        await this.ask(entry);
        const what = this.#chance();
        if (what < 0.3) await this.#pay(entry);
        else if (what < 0.4) await this.#cancel(entry);
      } catch {
        // The connection broke: whatever was asked last is neither done nor not done.
        await new Promise((resolve) => setTimeout(resolve, GONE_MS));
      }
    }
  }

  /** Asks, or asks again under the same key: it is the same order. */
  async ask(entry: Entry): Promise<void> {
    const { status, body } = await this.#client.order(entry.token, this.sale, this.sku, entry.key);
    if (status !== 201) throw new Error(`asked for a lamp: ${status} ${JSON.stringify(body)}`);
    if (entry.order !== null && entry.order !== body.id)
      throw new Error(`one key, two orders: ${entry.order}, ${body.id}`);
    entry.order = body.id;
    hear(entry, body as Seen);
  }

  async #pay(entry: Entry): Promise<void> {
    const payment = await this.#client.startPayment(entry.token, entry.order ?? "");
    if (payment !== null) entry.isPaid = await this.#client.approve(payment);
    const { body } = await this.#client.read(entry.token, entry.order ?? "");
    hear(entry, body as Seen);
  }

  async #cancel(entry: Entry): Promise<void> {
    const path = `/v1/orders/${entry.order}/cancel`;
    const { status, body } = await this.#client.call<Seen>("POST", path, entry.token);
    if (status === 200) hear(entry, body);
  }

  /** What is there of an entry. @throws with what was lost or taken back. */
  async look(entry: Entry): Promise<OrderBody> {
    const { status, body } = await this.#client.read(entry.token, entry.order ?? "");
    if (status !== 200) throw new Error(`${entry.order} was acknowledged, and is ${status}`);
    const seen = body as Seen;
    if (entry.told) mayFollow(entry.told, seen);
    hear(entry, seen);
    return body;
  }
}

/**
 * What a state that was told may have become, in a sale whose time to pay is a day. A payment that the bank never heard of,
 * because the kill came first, is given up: its order waits for another.
 */
const MAY_BECOME: Record<string, readonly string[]> = {
  pending: ["pending", "paying", "paid", "refunded", "expired"],
  paying: ["pending", "paying", "paid", "refunded"],
  paid: ["paid", "refunded"],
  refunded: ["refunded"],
  expired: ["expired"],
};

/** @throws when what is seen now takes back what was told before. */
export function mayFollow(told: Pick<Seen, "state" | "version">, { id, state, version }: Seen): void {
  if (version < told.version) throw new Error(`${id} was version ${told.version}, and is ${version}`);
  if (!MAY_BECOME[told.state]?.includes(state)) throw new Error(`${id} was ${told.state}, and is ${state}`);
}

function hear(entry: Entry, { state, version }: Seen): void {
  entry.told = { state, version };
}
