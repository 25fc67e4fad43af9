import { DurableObject } from "cloudflare:workers";
import type { BankApi, BankBehaviour, BankCreate, BankPayment, BankRefusal } from "../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../schema/ids.ts";
import type { Money } from "../../schema/money.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import { log, logError } from "../log.ts";
import { bodyOf, post } from "./callback.ts";
import {
  approve,
  CALLBACK_DEADLINE_MS,
  capture,
  close,
  decline,
  deliveriesOf,
  NORMAL,
  openAccount,
  refund,
  retryAt,
  revive,
  shown,
  slotOf,
  type Account,
  type Callback,
  type Change,
} from "./machine.ts";
import { BankStore, type Outgoing } from "./store.ts";

/** Payments of one page of the statement. */
const STATEMENT_MAX = 500;
/** Longer than any merchant waits. */
const HANG_MS = 6_000;
/** Callbacks on their way at once. */
const SENDING_MAX = 20;
const ALARM_AGAIN_MS = 5_000;
const ID_BYTES = 16;

/** The sandbox bank: a provider with a truth of its own, and every bad day a real one has. It is play money. */
export class SandboxBank extends DurableObject<Env> implements BankApi {
  readonly #store: BankStore;
  #sending = 0;
  /** Callbacks that have arrived, until they are struck out: with this memory lost, one comes again. */
  #arrived: Outgoing[] = [];
  /** The end of this turn of the event loop, which all who come in it wait for. */
  #turn: Promise<void> | null = null;
  /** What the alarm stands at, as far as this instance knows. */
  #alarmAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new BankStore(ctx.storage);
  }

  async createPayment(request: BankCreate): Promise<BankPayment> {
    await this.#together();
    const known = this.#store.byReference(request.reference);
    if (known) return shown(known);
    const behaviour = this.#store.behaviour();
    if (behaviour.create === "error") throw new Error("the bank has an outage");
    const account = openAccount(idOf("bnk"), request, behaviour, Date.now());
    if (behaviour.create !== "timeout_lost") this.#store.save(account);
    if (behaviour.create !== "normal") await scheduler.wait(HANG_MS);
    if (behaviour.create === "timeout_lost") throw new Error("the bank lost the request");
    // Read again: the buyer may have paid while the answer hung.
    return shown(this.#store.byReference(request.reference) ?? account);
  }

  async statement(after: string): Promise<BankPayment[]> {
    return this.#store.after(after, STATEMENT_MAX).map(shown);
  }

  async readPayment(id: string): Promise<BankPayment | null> {
    const account = this.#store.byId(id);
    return account && shown(account);
  }

  async queryPayment(reference: PaymentId): Promise<BankPayment | null> {
    const account = this.#store.byReference(reference);
    // A question about a payment that does not exist has no day of its own: it is today's.
    if ((account?.behaviour ?? this.#store.behaviour()).query === "error")
      throw new Error("the bank does not answer questions");
    return account && shown(account);
  }

  async closePayment(reference: PaymentId): Promise<Result<BankPayment, BankRefusal>> {
    await this.#together();
    const account = this.#store.byReference(reference);
    if (account?.behaviour.close === "error") throw new Error("the bank does not close anything");
    return this.#change(account, close);
  }

  async capturePayment(reference: PaymentId, amount: Money): Promise<Result<BankPayment, BankRefusal>> {
    await this.#together();
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
    await this.#together();
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
    this.#alarmAt = null;
    try {
      for (const account of this.#store.toRevive(Date.now())) {
        this.#change(account, revive);
        this.#store.revived(account.id);
      }
      this.#send();
    } catch (cause) {
      logError({ event: "bank_alarm_failed" }, cause);
      await this.ctx.storage.setAlarm(Date.now() + ALARM_AGAIN_MS);
    }
  }

  /** Whoever comes in one turn of the event loop is written down together: what is written in one turn is one transaction. */
  #together(): Promise<void> {
    return (this.#turn ??= this.#endOfTurn());
  }

  async #endOfTurn(): Promise<void> {
    await scheduler.wait(0);
    this.#turn = null;
  }

  /** The payment, and what the merchant will hear of it, become true together. */
  #change(
    account: Account | null,
    decide: (account: Account) => Result<Change, BankRefusal>,
  ): Result<BankPayment, BankRefusal> {
    if (!account) return err({ code: "not_found" });
    const now = Date.now();
    const change = this.#store.transaction(() => {
      const decided = decide(account);
      if (!decided.ok || decided.value.account === account) return decided;
      const { account: after, callbacks, revivesInMs } = decided.value;
      this.#store.save(after);
      if (revivesInMs !== null) this.#store.saveRevival(after.id, now + revivesInMs);
      for (const callback of callbacks) this.#enqueue(after, callback, now);
      return decided;
    });
    this.#send();
    return change.ok ? ok(shown(change.value.account)) : change;
  }

  #enqueue(account: Account, callback: Callback, now: number): void {
    const event = idOf("evt");
    const slot = slotOf(account, callback, this.#store.someHeldBack(account.id), now);
    const outgoing = {
      payment: account.id,
      event,
      url: account.callbackUrl,
      body: bodyOf(event, account, callback, now),
    };
    for (let copy = 0; copy < deliveriesOf(account); copy++) this.#store.enqueue(outgoing, slot);
  }

  /** Sends what is due; nobody waits for it. The alarm stands for whatever is left, and for what a crash cuts off. */
  #send(): void {
    const now = Date.now();
    // Most looks find nothing, and a look is cheaper than a write.
    if (this.#store.isDue(now)) {
      // Before they could be taken again.
      for (const callback of this.#arrived) this.#store.finish(callback, now);
      this.#arrived = [];
      for (const callback of this.#store.take(SENDING_MAX - this.#sending, now)) {
        this.#sending++;
        this.ctx.waitUntil(this.#deliver(callback));
      }
    }
    this.#arm();
  }

  async #deliver(callback: Outgoing): Promise<void> {
    const { payment, event, tries } = callback;
    const secret = this.env.SANDBOX_WEBHOOK_SECRET;
    let delivered = false;
    try {
      // Nothing can be signed without a secret: the callback waits as it does for a merchant that is away.
      if (secret) delivered = await post(callback, secret);
    } finally {
      this.#sending--;
    }
    const again = delivered ? null : retryAt(tries, Date.now());
    if (again !== null) this.#store.postpone(callback, again);
    // Struck out with the next that is sent, or by the alarm that watches over it, unless another waits to be overtaken.
    else if (delivered && !this.#store.someHeldBack(payment)) this.#arrived.push(callback);
    else this.#store.finish(callback, Date.now());
    if (!delivered && again === null)
      log({ event: "bank_callback_given_up", callback: event, payment, tries });
    this.#send();
  }

  /** Moved only to be earlier: an alarm that finds nothing due looks for the next. Commits with what it is for. */
  #arm(): void {
    const due = this.#store.nextDueAt();
    if (due === null) return;
    const now = Date.now();
    // With its hands full the bank looks again when one of them must be free.
    const at = Math.max(due, this.#sending < SENDING_MAX ? now : now + CALLBACK_DEADLINE_MS);
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    void this.ctx.storage.setAlarm(at);
  }
}

function idOf(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return `${prefix}_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
