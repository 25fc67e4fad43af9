import type { BankApi, GateApi, OrderApi, SkuApi, TurnstileApi, WebhookApi } from "../schema/actors.ts";
import type { OrderId, SaleId, SkuNumber } from "../schema/ids.ts";
import type { Receiver } from "../schema/order.ts";

/** Attempts of one call to an actor: every method of every actor is safe to repeat. */
const ATTEMPTS_MAX = 2;

/** The only bank there is. */
const BANK = "bank";

type Flags = { retryable?: boolean; overloaded?: boolean };

/**
 * An actor as its interface. Each attempt takes a fresh stub, since a stub that has thrown may stay broken, and
 * only what the platform marks as transient is repeated: an overloaded object gets no second request.
 */
function actor<Api extends object>(namespace: DurableObjectNamespace, name: string): Api {
  const call = async (method: string, args: unknown[]): Promise<unknown> => {
    for (let attempt = 1; ; attempt++) {
      const stub = namespace.getByName(name) as unknown as Record<
        string,
        (...args: unknown[]) => Promise<unknown>
      >;
      try {
        return await stub[method]?.(...args);
      } catch (cause) {
        const { retryable, overloaded } = cause as Flags;
        if (!retryable || overloaded || attempt >= ATTEMPTS_MAX) throw cause;
      }
    }
  };
  return new Proxy({} as Api, {
    // A promise-like would be called by `await`, so the one name that is never a method is left out.
    get: (_, method) =>
      typeof method === "string" && method !== "then"
        ? (...args: unknown[]) => call(method, args)
        : undefined,
  });
}

type Namespaces = Pick<Env, "SKU" | "ORDER" | "GATE">;

export const skuActor = (env: Namespaces, number: SkuNumber): SkuApi => actor(env.SKU, number);
export const orderActor = (env: Namespaces, order: OrderId): OrderApi => actor(env.ORDER, order);
export const gateActor = (env: Namespaces, sale: SaleId): GateApi => actor(env.GATE, sale);
/** One of the gates that pool the requests for a SKU. A sale's own gate has a name without a slash. */
export const poolingGate = (env: Namespaces, sku: SkuNumber, gate: number): GateApi =>
  actor(env.GATE, `${sku}/${gate}`);
/** The line before one receiving account. */
export const turnstileActor = (env: Pick<Env, "TURNSTILE">, { provider, account }: Receiver): TurnstileApi =>
  actor(env.TURNSTILE, `${provider}/${account}`);
/** One endpoint of a merchant, by its id. */
export const webhookActor = (env: Pick<Env, "WEBHOOK">, id: string): WebhookApi => actor(env.WEBHOOK, id);
export const bankActor = (bank: DurableObjectNamespace): BankApi => actor(bank, BANK);
