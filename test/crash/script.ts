import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../worker/local/client.ts";
import { SECRETS, until } from "../system/server.ts";
import { mayFollow, type Seen } from "./ledger.ts";

/** Longer than all kills take: a script that was broken off first is played to its end after the last of them. */
const HOLD_SECONDS = 4 * 3_600;
/** How long the abandoned order's unit is held. */
const ABANDONED_HOLD_SECONDS = 1;
/**
 * What happens by itself may have to wait for an effect that every kill so far has lost: it comes again less and less often, at
 * last every five minutes.
 */
export const SETTLE_MS_MAX = 600_000;
const LOOK_MS = 20;
/** Payments of one order: each may be the one that a kill kept from the bank. */
const ATTEMPTS_MAX = 5;

const ROLES = ["abandoned", "paid", "cancelled", "refunded"] as const;
type Role = (typeof ROLES)[number];
const ENDS: Record<Role, string> = {
  abandoned: "expired",
  paid: "paid",
  cancelled: "expired",
  refunded: "refunded",
};

/** A unit whose price went back is its buyer's all the same. */
const SOLD = 2;

/**
 * A whole sale by clients who follow a script: one order is abandoned, one is paid, one is cancelled, one is paid and refunded.
 * Every step has its key, so the script may be broken off anywhere and played again from its beginning.
 */
export class Script {
  readonly sale: string;
  readonly #client: Client;
  /** The last that was said about each order. */
  readonly #told = new Map<Role, Seen>();

  constructor(client: Client, sale: string) {
    this.#client = client;
    this.sale = sale;
  }

  /** Makes the sales: before the first play, and once. */
  async open(): Promise<void> {
    await this.#client.defineSale(this.sale, this.sale, { stock: 3, holdSeconds: HOLD_SECONDS });
    const brief = { stock: 1, holdSeconds: ABANDONED_HOLD_SECONDS };
    await this.#client.defineSale(this.#brief, this.#brief, brief);
  }

  /** From the beginning to the end, waiting for what happens by itself. @throws when the server is gone, or does not do it. */
  async play(): Promise<void> {
    await this.#order("abandoned");
    await this.#order("paid");
    await this.#pay("paid");
    await this.#order("cancelled");
    await this.#call("cancelled", `/v1/orders/${this.#idOf("cancelled")}/cancel`);
    await this.#order("refunded");
    await this.#pay("refunded");
    const refunds = `/v1/admin/orders/${this.#idOf("refunded")}/refunds`;
    await this.#client.call("POST", refunds, SECRETS.ADMIN_KEY, { reason: "all" }, `${this.sale}-refund`);
    for (const role of ROLES) await this.#until(role, ENDS[role]);
  }

  /** Whether everything that was said is still so, or has become what may follow. @throws with what was lost or taken back. */
  async look(): Promise<void> {
    for (const role of this.#told.keys()) await this.#read(role);
    if (this.#told.has("paid")) this.#sums(await this.#client.stock(this.sale));
  }

  /** Once it has been played to its end: nothing is held any more, and what was not paid for is free. */
  async checkTheEnd(): Promise<void> {
    const all = () => Promise.all([this.#client.stock(this.sale), this.#client.stock(this.#brief)]);
    const [stock] = await until(
      `all of ${this.sale} has come to rest`,
      SETTLE_MS_MAX,
      all,
      ([{ held, sold }, brief]) => held === 0 && sold === SOLD && brief.available === brief.initial,
    );
    this.#sums(stock);
  }

  get #brief(): string {
    return `${this.sale}-brief`;
  }

  #sums({ initial, restocked, available, held, sold }: Awaited<ReturnType<Client["stock"]>>): void {
    if (initial + restocked !== available + held + sold || held + sold > ROLES.length - 1)
      throw new Error(`${this.sale}: ${initial} + ${restocked} is not ${available} + ${held} + ${sold}`);
  }

  #idOf(role: Role): string {
    const told = this.#told.get(role);
    if (!told) throw new Error(`${this.sale}: nobody was told of the order that is ${role}`);
    return told.id;
  }

  #tokenOf(role: Role): Promise<string> {
    return this.#client.token(`${this.sale}-${role}`);
  }

  async #order(role: Role): Promise<void> {
    const sale = role === "abandoned" ? this.#brief : this.sale;
    const answer = await this.#client.order(await this.#tokenOf(role), sale, sale, `${this.sale}-${role}`);
    if (answer.status !== 201)
      throw new Error(`${this.sale} ordered: ${answer.status} ${JSON.stringify(answer.body)}`);
    // A replay is the first answer again: what has become of the order since is for its reader to see.
    const told = this.#told.get(role);
    if (!told) this.#told.set(role, answer.body as Seen);
    else if (told.id !== answer.body.id)
      throw new Error(`one key, two orders: ${told.id}, ${answer.body.id}`);
  }

  /** Pays as a buyer does: approves at the bank, and tries again when it turns out that the bank had never heard of it. */
  async #pay(role: Role): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const { body } = await this.#call<{ action: { url: string } | null }>(
        role,
        `/v1/orders/${this.#idOf(role)}/payments`,
        { provider: "sandbox" },
        `-${attempt}`,
      );
      const page = body.action?.url.split("/").at(-1);
      if (page && !(await this.#client.approve(page))) throw new Error(`${this.sale}: ${page} was not taken`);
      if ((await this.#until(role, "paid", "pending")).state !== "pending") return;
    }
    throw new Error(`${this.sale}: nobody takes the money of the order that is ${role}`);
  }

  async #call<T>(
    role: Role,
    path: string,
    body: unknown = {},
    attempt = "",
  ): Promise<{ status: number; body: T }> {
    const key = `${this.sale}-${role}${attempt}`;
    return this.#client.call<T>("POST", path, await this.#tokenOf(role), body, key);
  }

  /** Waits for one of these states. A unit that somebody has got back the money of counts as paid for. */
  async #until(role: Role, ...states: string[]): Promise<Seen> {
    const deadline = Date.now() + SETTLE_MS_MAX;
    for (;;) {
      const seen = await this.#read(role);
      if (states.includes(seen.state) || seen.state === "refunded") return seen;
      if (Date.now() > deadline)
        throw new Error(
          `${this.sale}: ${seen.id} stays ${seen.state}, and was to become ${states.join(" or ")}`,
        );
      await sleep(LOOK_MS);
    }
  }

  async #read(role: Role): Promise<Seen> {
    const { status, body } = await this.#client.read(await this.#tokenOf(role), this.#idOf(role));
    if (status !== 200) throw new Error(`${this.#idOf(role)} was acknowledged, and is ${status}`);
    const seen = body as Seen;
    const told = this.#told.get(role);
    if (told) mayFollow(told, seen);
    this.#told.set(role, seen);
    return seen;
  }
}
