import { DurableObject } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import type { BankApi, BankBehaviour, BankCreate, BankPayment, BankRefusal } from "../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../schema/ids.ts";
import type { Money } from "../../schema/money.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { logError } from "../log.ts";
import {
  approve,
  capture,
  close,
  decline,
  deliveriesOf,
  LIE_MS,
  NORMAL,
  openAccount,
  refund,
  revive,
  shown,
  type Account,
  type Callback,
  type Change,
} from "./machine.ts";
import { BankStore, type Outgoing } from "./store.ts";

/** Longer than any merchant waits. */
const HANG_MS = 6_000;
const CALLBACK_DEADLINE_MS = 5_000;
/** Pauses between tries of a callback; after the last one the bank gives up, as real ones do. */
const CALLBACK_PAUSES_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000];
const ALARM_AGAIN_MS = 5_000;
const ID_BYTES = 16;

/** The sandbox bank: a provider with a truth of its own, and every bad day a real one has. It is play money. */
export class SandboxBank extends DurableObject<Env> implements BankApi {
  readonly #store: BankStore;
  #delivering = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new BankStore(ctx.storage);
  }

  async createPayment(request: BankCreate): Promise<BankPayment> {
    const known = this.#store.byReference(request.reference);
    if (known) return shown(known);
    const behaviour = this.#store.behaviour();
    if (behaviour.create === "error") throw new Error("the bank has an outage");
    const account = openAccount(idOf("bnk"), request, behaviour, Date.now());
    if (behaviour.create !== "timeout_lost") this.#store.save(account);
    if (behaviour.create !== "normal") await scheduler.wait(HANG_MS);
    if (behaviour.create === "timeout_lost") throw new Error("the bank lost the request");
    return shown(account);
  }

  async readPayment(id: string): Promise<BankPayment | null> {
    const account = this.#store.byId(id);
    return account && shown(account);
  }

  async queryPayment(reference: PaymentId): Promise<BankPayment | null> {
    const account = this.#store.byReference(reference);
    // A question about a payment that does not exist has no day of its own: it is today's.
    if ((account?.behaviour ?? this.#store.behaviour()).query === "error") throw new Error("the bank does not answer questions");
    return account && shown(account);
  }

  async closePayment(reference: PaymentId): Promise<Result<BankPayment, BankRefusal>> {
    const account = this.#store.byReference(reference);
    if (account?.behaviour.close === "error") throw new Error("the bank does not close anything");
    const lie = account?.behaviour.close === "lies_closed_then_succeeds" && account.state === "requires_action";
    return this.#change(account, close, lie ? Date.now() + LIE_MS : null);
  }

  async capturePayment(reference: PaymentId, amount: Money): Promise<Result<BankPayment, BankRefusal>> {
    return this.#change(this.#store.byReference(reference), (account) => capture(account, amount));
  }

  async refundPayment(request: { reference: RefundId; payment: PaymentId; amount: Money }) {
    const { reference, payment, amount } = request;
    const answer = ok({ state: "succeeded" as const });
    if (this.#store.hasRefund(reference)) return answer;
    const refunded = this.#change(this.#store.byReference(payment), (account) => {
      const change = refund(account, reference, amount);
      if (change.ok) this.#store.saveRefund(reference, payment);
      return change;
    });
    return refunded.ok ? answer : refunded;
  }

  async queryRefund(reference: RefundId) {
    return this.#store.hasRefund(reference) ? { state: "succeeded" as const } : null;
  }

  async approve(id: string): Promise<Result<BankPayment, BankRefusal>> {
    return this.#change(this.#store.byId(id), (account) => approve(account, Date.now()));
  }

  async decline(id: string): Promise<Result<BankPayment, BankRefusal>> {
    return this.#change(this.#store.byId(id), decline);
  }

  async behave(behaviour: Partial<BankBehaviour>): Promise<BankBehaviour> {
    const day = { ...NORMAL, ...behaviour };
    this.#store.saveBehaviour(day);
    return day;
  }

  override async alarm(): Promise<void> {
    try {
      for (const account of this.#store.toRevive(Date.now())) this.#change(account, revive);
      await this.#deliver();
    } catch (cause) {
      logError({ event: "bank_alarm_failed" }, cause);
      await this.ctx.storage.setAlarm(Date.now() + ALARM_AGAIN_MS);
    }
  }

  /** The payment, and what the merchant will hear of it, become true together. */
  #change(
    account: Account | null,
    decide: (account: Account) => Result<Change, BankRefusal>,
    reviveAt: number | null = null,
  ): Result<BankPayment, BankRefusal> {
    if (!account) return err({ code: "not_found" });
    return this.#store.transaction(() => {
      const change = decide(account);
      if (!change.ok) return change;
      const { account: after, callbacks } = change.value;
      this.#store.save(after, reviveAt);
      for (const callback of callbacks) this.#enqueue(after, callback);
      this.#arm();
      if (callbacks.length > 0) this.ctx.waitUntil(this.#deliver());
      return ok(shown(after));
    });
  }

  #enqueue(account: Account, { type, reference, amount, delayMs }: Callback): void {
    const now = Date.now();
    const event = idOf("evt");
    const data = { payment: account.id, reference, order: account.order, amount: amount.amount, currency: amount.currency };
    const body = JSON.stringify({ id: event, type, created: Math.floor(now / 1_000), data });
    for (let copy = 0; copy < deliveriesOf(account); copy++) this.#store.enqueue(event, account.callbackUrl, body, now + delayMs);
  }

  /** Sends what is due, one turn at a time. What is not answered with a 2xx is sent again later. */
  async #deliver(): Promise<void> {
    await Promise.resolve();
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let due = this.#store.due(Date.now()); due.length > 0; due = this.#store.due(Date.now()))
        await Promise.all(due.map((callback) => this.#post(callback)));
    } finally {
      this.#delivering = false;
      this.#arm();
    }
  }

  async #post({ seq, event, url, body, tries }: Outgoing): Promise<void> {
    const at = new Date();
    const signature = new Webhook(this.env.SANDBOX_WEBHOOK_SECRET).sign(event, at, body);
    const headers = {
      "content-type": "application/json",
      "webhook-id": event,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": signature,
    };
    let delivered = false;
    try {
      const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(CALLBACK_DEADLINE_MS) });
      await answer.body?.cancel();
      delivered = answer.ok;
    } catch (cause) {
      logError({ event: "bank_callback_failed", callback: event, tries }, cause);
    }
    const pause = CALLBACK_PAUSES_MS[tries];
    if (delivered || pause === undefined) this.#store.delivered(seq);
    else this.#store.postpone(seq, Date.now() + pause);
  }

  #arm(): void {
    const at = this.#store.nextDueAt();
    // Part of the same commit as what it is for.
    if (at !== null) void this.ctx.storage.setAlarm(Math.max(at, Date.now()));
  }
}

function idOf(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return `${prefix}_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
