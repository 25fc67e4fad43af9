import * as z from "zod";
import type { Money } from "../../schema/money.ts";
import { MAIN_ACCOUNT, type Receiver } from "../../schema/order.ts";
import type { Sale } from "../../schema/sale.ts";
import { DEVICES, type Device, type Method } from "../providers/port.ts";
import { offered, providerOf } from "../providers/registry.ts";

/** One line of the cashier's settings: a way to pay, and for whom it is there. What is left out is no condition. */
const Rule = z.strictObject({
  provider: z.string(),
  method: z.string(),
  account: z.string().optional(),
  currencies: z
    .array(z.string().regex(/^[A-Z]{3}$/))
    .min(1)
    .optional(),
  /** Minor units of the order's currency, both ends included. */
  amount_min: z.int().min(1).optional(),
  amount_max: z.int().min(1).optional(),
  devices: z.array(z.enum(DEVICES)).min(1).optional(),
});
type Rule = z.infer<typeof Rule>;

const Rules = z.array(Rule).min(1);

/** A way to pay for one order. */
export interface WayToPay extends Receiver {
  readonly method: Method;
}

/** What the choice depends on. `device` is null where nobody looks at a page: a shop's server knows its buyer. */
export interface Occasion {
  readonly amount: Money;
  readonly accounts: Sale["accounts"];
  readonly device: Device | null;
}

/**
 * The ways to pay that a cashier offers, in the order of its settings. `CASHIER` is JSON, a list of rules; without it every
 * method of every offered provider is there, for what that provider takes.
 */
export function waysToPay(env: Env, occasion: Occasion): WayToPay[] {
  return rulesOf(env).flatMap((rule) => {
    const account = accountOf(occasion.accounts, rule.provider);
    const provider = providerOf(env, { provider: rule.provider, account });
    const method = provider?.methods.find(({ name }) => name === rule.method);
    return method && takes(method, occasion) && applies(rule, account, occasion)
      ? [{ provider: rule.provider, account, method }]
      : [];
  });
}

const accountOf = (accounts: Sale["accounts"], provider: string): string =>
  accounts?.[provider] ?? MAIN_ACCOUNT;

function rulesOf(env: Env): Rule[] {
  if (env.CASHIER) return Rules.parse(JSON.parse(env.CASHIER));
  return offered(env).flatMap((provider) =>
    (providerOf(env, { provider, account: MAIN_ACCOUNT })?.methods ?? []).map(({ name }) => ({
      provider,
      method: name,
    })),
  );
}

const takes = ({ currencies, devices }: Method, { amount, device }: Occasion): boolean =>
  (currencies?.includes(amount.currency) ?? true) && (device === null || (devices?.includes(device) ?? true));

function applies(rule: Rule, account: string, { amount, device }: Occasion): boolean {
  const { account: only, currencies, amount_min = 0, amount_max = Infinity, devices } = rule;
  return (
    (only === undefined || only === account) &&
    (currencies?.includes(amount.currency) ?? true) &&
    amount.amount >= amount_min &&
    amount.amount <= amount_max &&
    (device === null || (devices?.includes(device) ?? true))
  );
}

/** What is wrong with the cashier's settings. */
export function wrongCashier(cashier: string): string[] {
  if (cashier === "") return [];
  try {
    const read = Rules.safeParse(JSON.parse(cashier));
    if (read.success) return [];
    return read.error.issues.map(({ path, message }) => `CASHIER is wrong at ${path.join(".")}: ${message}`);
  } catch {
    return ["CASHIER is not JSON"];
  }
}

/** The in-app browsers say who they are (WeChat's and Alipay's own documents); the others whether they are small. */
export function deviceOf(headers: Headers): Device {
  const agent = headers.get("user-agent") ?? "";
  if (agent.includes("MicroMessenger")) return "wechat";
  if (agent.includes("AlipayClient")) return "alipay";
  return headers.get("sec-ch-ua-mobile") === "?1" || /Mobi|Android/.test(agent) ? "phone" : "desktop";
}
