import {
  approve,
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
} from "../../durable-objects/sandbox-bank/machine.ts";
import type { BankBehaviour, BankCreate, BankPayment, BankRefusal } from "../../schema/actors.ts";
import type { PaymentId, RefundId } from "../../schema/ids.ts";
import type { Money } from "../../schema/money.ts";
import { err, ok, type Result } from "../../schema/result.ts";
import type { Faults } from "./faults.ts";
import type { Flow } from "./flow.ts";
import type { Loop } from "./loop.ts";

/** Longer than any merchant waits. */
const HANG_MS = 6_000;
/** An answer in time, but after its payment has been paid. */
const ANSWER_MS = 2_000;
/** Longer than a creation that nobody has heard of is believed to be under way. */
const LATE_MS = 12_000;
/** Somebody who is asked by their phone pays within so long. */
const PUSH_MS_MAX = 60_000;
const SLOW_REFUND_MS_MAX = 600_000;
const DELAY_MS_MAX = 900_000;

/** What the bank itself knows of a refund. */
interface Given {
  readonly payment: PaymentId;
  readonly amount: Money;
  state: "pending" | "succeeded" | "failed";
}

interface RefundAsked {
  readonly reference: RefundId;
  readonly payment: PaymentId;
  readonly amount: Money;
}

interface Outgoing {
  readonly seq: number;
  readonly event: string;
  readonly account: Account;
  readonly callback: Callback;
  tries: number;
  isHeldBack: boolean;
  isDone: boolean;
}

/** What a day at the bank throws: its 5xx. */
export class BankDown extends Error {}

export interface BankHost {
  /** The party in whose name a payment was made. */
  partyOf(payment: PaymentId): number;
  /** Brings a callback to the merchant; false when it was not accepted. */
  callBack(event: string, account: Account, callback: Callback): boolean;
  refundAnswerLost(): void;
}

/**
 * The sandbox bank without a runtime: its machine is the real one, and each payment has a day of its own. It keeps what really
 * became of everybody's money, which nobody else is told but by its answers and callbacks.
 */
export class Bank {
  readonly accounts = new Map<PaymentId, Account>();
  readonly refunds = new Map<RefundId, Given>();
  /**
   * Payments that the bank has denied, or makes when nobody waits any more. Their orders may have given them up, and then nobody
   * but the bank ever speaks of them again: so it does, on a day without a fault.
   */
  readonly unheardOf = new Set<PaymentId>();
  readonly #loop: Loop;
  readonly #faults: Faults;
  readonly #host: BankHost;
  readonly #outgoing = new Map<PaymentId, Outgoing[]>();
  #events = 0;

  constructor(loop: Loop, faults: Faults, host: BankHost) {
    this.#loop = loop;
    this.#faults = faults;
    this.#host = host;
  }

  *createPayment(request: BankCreate): Flow<BankPayment> {
    const { reference } = request;
    const known = this.accounts.get(reference);
    if (known) return shown(known);
    const party = this.#host.partyOf(reference);
    const fault = this.#faults.at("creation", party);
    if (fault === "bank_down") throw new BankDown("the bank has an outage");
    if (fault === "bank_loses_creation") {
      yield HANG_MS;
      throw new BankDown("the bank lost the request");
    }
    if (fault === "bank_creates_late") {
      this.unheardOf.add(reference);
      yield LATE_MS;
      const meanwhile = this.accounts.get(reference);
      if (meanwhile) return shown(meanwhile);
    }
    const day = this.unheardOf.has(reference) ? NORMAL : this.#dayOf(party);
    const account = openAccount(`bnk_${reference}`, request, day, this.#loop.now);
    this.accounts.set(reference, account);
    if (fault === "bank_creates_late" || fault === "buyer_is_quicker") this.#push(account.id);
    if (fault === "bank_answers_late") yield HANG_MS;
    if (fault === "buyer_is_quicker") yield ANSWER_MS;
    return shown(this.accounts.get(reference) ?? account);
  }

  queryPayment(reference: PaymentId): BankPayment | null {
    const fault = this.#faults.at("asking", this.#host.partyOf(reference));
    if (fault) throw new BankDown("the bank does not answer questions");
    const account = this.accounts.get(reference);
    if (account) return shown(account);
    this.unheardOf.add(reference);
    return null;
  }

  closePayment(reference: PaymentId): Result<BankPayment, BankRefusal> {
    const account = this.accounts.get(reference);
    if (!account) {
      this.unheardOf.add(reference);
      return err({ code: "not_found" });
    }
    const fault = this.#faults.at("closing", this.#host.partyOf(reference));
    if (fault === "bank_cannot_close") throw new BankDown("the bank does not close anything");
    // Nobody can ever know of money that a bank denies and never speaks of.
    const lies =
      fault === "bank_lies" && account.behaviour.callbacks !== "none" && account.behaviour.amountDelta === 0;
    if (!lies) return this.#answer(reference, this.#change(account, close));
    return this.#change(
      { ...account, behaviour: { ...account.behaviour, close: "lies_closed_then_succeeds" } },
      close,
    );
  }

  capturePayment(reference: PaymentId, amount: Money): Result<BankPayment, BankRefusal> {
    const captured = this.#change(this.accounts.get(reference), (account) => capture(account, amount));
    return this.#answer(reference, captured);
  }

  refundPayment({ reference, payment, amount }: RefundAsked): Result<Pick<Given, "state">, BankRefusal> {
    const known = this.refunds.get(reference);
    if (known) return ok({ state: known.state });
    const account = this.accounts.get(payment);
    if (!account) return err({ code: "not_found" });
    const possible = refund(account, reference, amount);
    if (!possible.ok) return possible;
    const fault = this.#faults.at("refund", this.#host.partyOf(payment));
    if (fault === "refund_refused") {
      this.refunds.set(reference, { payment, amount, state: "failed" });
      return ok({ state: "failed" });
    }
    const given: Given = { payment, amount, state: "pending" };
    this.refunds.set(reference, given);
    const give = (): void => {
      given.state = "succeeded";
      this.#change(this.accounts.get(payment), (now) => refund(now, reference, amount));
    };
    if (fault === "refund_slow") this.#loop.after(this.#faults.size * SLOW_REFUND_MS_MAX, give);
    else give();
    try {
      return this.#answer(payment, ok({ state: given.state }));
    } catch (cause) {
      this.#host.refundAnswerLost();
      throw cause;
    }
  }

  queryRefund(reference: RefundId): Pick<Given, "state"> | null {
    const known = this.refunds.get(reference);
    return known ? { state: known.state } : null;
  }

  approve(id: string): Result<BankPayment, BankRefusal> {
    return this.#change(this.#byId(id), (account) => approve(account, this.#loop.now));
  }

  decline(id: string): Result<BankPayment, BankRefusal> {
    return this.#change(this.#byId(id), decline);
  }

  /** The bank asks its customer by itself, whatever the shop shows. */
  #push(id: string): void {
    const soon = this.unheardOf.has(id.slice(4) as PaymentId) ? PUSH_MS_MAX : ANSWER_MS / 2;
    this.#loop.after(this.#faults.size * soon, () =>
      this.#change(this.#byId(id), (account) => approve(account, this.#loop.now)),
    );
  }

  /** What was done is done, whether its answer comes or not. */
  #answer<T>(payment: PaymentId, answer: T): T {
    if (this.#faults.at("answer", this.#host.partyOf(payment))) throw new BankDown("the answer was lost");
    return answer;
  }

  #byId(id: string): Account | undefined {
    return this.accounts.get(id.slice(4) as PaymentId);
  }

  #dayOf(party: number): BankBehaviour {
    switch (this.#faults.at("payment", party)) {
      case "bank_silent":
        return { ...NORMAL, callbacks: "none" };
      case "bank_repeats":
        return { ...NORMAL, callbacks: "duplicate" };
      case "bank_reorders":
        return { ...NORMAL, callbacks: "reordered" };
      case "bank_delays":
        return {
          ...NORMAL,
          callbacks: "delayed",
          delayMs: Math.floor(this.#faults.size ** 3 * DELAY_MS_MAX),
        };
      case "bank_misquotes":
        return { ...NORMAL, amountDelta: -1 };
      default:
        return NORMAL;
    }
  }

  #change(
    account: Account | undefined,
    decide: (account: Account) => Result<Change, BankRefusal>,
  ): Result<BankPayment, BankRefusal> {
    if (!account) return err({ code: "not_found" });
    const decided = decide(account);
    if (!decided.ok) return decided;
    const { account: after, callbacks, revivesInMs } = decided.value;
    if (after === account) return ok(shown(after));
    this.accounts.set(after.reference, after);
    if (revivesInMs !== null)
      this.#loop.after(revivesInMs, () => this.#change(this.accounts.get(after.reference), revive));
    for (const callback of callbacks) this.#enqueue(after, callback);
    return ok(shown(after));
  }

  #enqueue(account: Account, callback: Callback): void {
    const waiting = this.#outgoing.get(account.reference) ?? [];
    this.#outgoing.set(account.reference, waiting);
    const someHeldBack = waiting.some(({ isHeldBack }) => isHeldBack);
    const { dueAt, heldBack } = slotOf(account, callback, someHeldBack, this.#loop.now);
    const event = `evt_${++this.#events}`;
    for (let copy = 0; copy < deliveriesOf(account); copy++) {
      const outgoing: Outgoing = {
        seq: waiting.length,
        event,
        account,
        callback,
        tries: 0,
        isHeldBack: heldBack,
        isDone: false,
      };
      waiting.push(outgoing);
      this.#loop.at(dueAt, () => this.#deliver(outgoing));
    }
  }

  #deliver(outgoing: Outgoing): void {
    if (outgoing.isDone) return;
    outgoing.isDone = true;
    outgoing.isHeldBack = false;
    outgoing.tries++;
    const { event, account, callback, tries } = outgoing;
    const isAccepted = this.#host.callBack(event, account, callback);
    const again = isAccepted ? null : retryAt(tries, this.#loop.now);
    if (again === null) return this.#overtaken(outgoing);
    outgoing.isDone = false;
    this.#loop.at(again, () => this.#deliver(outgoing));
  }

  /** Later news has gone: what it was to overtake may go. */
  #overtaken({ seq, account }: Outgoing): void {
    for (const earlier of this.#outgoing.get(account.reference) ?? [])
      if (earlier.isHeldBack && earlier.seq < seq) this.#deliver(earlier);
  }
}
