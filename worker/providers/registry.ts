import { MAIN_ACCOUNT, type Receiver } from "../../schema/order.ts";
import { bankActor } from "../actors.ts";
import { outboundOf } from "./outbound.ts";
import { bySecrets, type Accounts, type Kind, type Settings } from "./accounts.ts";
import { AlipayAccount } from "./alipay/account.ts";
import { alipay } from "./alipay/adapter.ts";
import { PayPalAccount } from "./paypal/account.ts";
import { paypal } from "./paypal/adapter.ts";
import type { PaymentProvider } from "./port.ts";
import { sandbox } from "./sandbox/adapter.ts";
import { deskAt } from "./sandbox/desk.ts";
import { StripeAccount } from "./stripe/account.ts";
import { stripe } from "./stripe/adapter.ts";
import { WechatPayAccount } from "./wechatpay/account.ts";
import { wechatpay } from "./wechatpay/adapter.ts";

/** The only list of the adapters there are: a line for each. */
const KINDS: readonly Kind[] = [
  { name: "sandbox", accounts: sandboxAccounts },
  bySecrets("alipay", AlipayAccount, alipay),
  bySecrets("paypal", PayPalAccount, paypal),
  bySecrets("stripe", StripeAccount, stripe),
  bySecrets("wechatpay", WechatPayAccount, wechatpay),
];

type Desk = ReadonlyMap<string, ReadonlyMap<string, () => PaymentProvider>>;

/** By the environment they were read from, which an isolate has one of: reading keys is work, and a circuit must be remembered. */
const desks = new WeakMap<object, Desk>();

/** An account of a provider that this deployment offers; null for any other. */
export const providerOf = (env: Env, { provider, account }: Receiver): PaymentProvider | null =>
  deskOf(env).get(provider)?.get(account)?.() ?? null;

/** The providers of this deployment, in the order the cashier shows them. */
export const offered = (env: Env): readonly string[] => [...deskOf(env).keys()];

/** Every account of every provider of this deployment. */
export const receivers = (env: Env): Receiver[] =>
  [...deskOf(env)].flatMap(([provider, accounts]) =>
    [...accounts.keys()].map((account) => ({ provider, account })),
  );

/** What is wrong with the settings of providers: nothing when they can be offered as they say. */
export function wrongProviders(settings: Settings): string[] {
  return providerNames(settings).flatMap((name) => {
    const kind = KINDS.find((candidate) => candidate.name === name);
    if (!kind) return [`PROVIDERS names "${name}", which does not exist`];
    const { open, wrong } = kind.accounts(settings);
    if (wrong.length > 0 || open.has(MAIN_ACCOUNT)) return wrong;
    return [`PROVIDERS names "${name}", whose secret ${name.toUpperCase()}_ACCOUNT_MAIN is missing`];
  });
}

const providerNames = ({ PROVIDERS }: Settings): string[] =>
  typeof PROVIDERS === "string" ? PROVIDERS.split(/[\s,]+/).filter((name) => name !== "") : [];

function deskOf(env: Env): Desk {
  const known = desks.get(env);
  if (known) return known;
  const settings: Settings = { ...env };
  const desk = new Map(
    providerNames(settings).flatMap((name) => {
      const kind = KINDS.find((candidate) => candidate.name === name);
      return kind ? [[name, opened(kind.accounts(settings))] as const] : [];
    }),
  );
  desks.set(env, desk);
  return desk;
}

/** Each account is made once, when it is first asked for. */
function opened({ open }: Accounts): ReadonlyMap<string, () => PaymentProvider> {
  const made = new Map<string, PaymentProvider>();
  const once = (id: string, make: () => PaymentProvider) => () => {
    const provider = made.get(id) ?? make();
    made.set(id, provider);
    return provider;
  };
  return new Map([...open].map(([id, make]) => [id, once(id, make)]));
}

/** Play money exists only where the environment says so, and nowhere that calls itself production. */
function sandboxAccounts(settings: Settings): Accounts {
  const { ENVIRONMENT, SANDBOX_BANK_URL: url, SANDBOX_WEBHOOK_SECRET: secret } = settings;
  const none = (why: string): Accounts => ({ open: new Map(), wrong: [why] });
  const bank = settings["SANDBOX_BANK"] as Env["SANDBOX_BANK"];
  if (ENVIRONMENT === "production") return none("PROVIDERS names the sandbox, which is not money");
  if (typeof secret !== "string" || !secret.startsWith("whsec_"))
    return none("SANDBOX_WEBHOOK_SECRET must be `whsec_` and base64");
  if (url) {
    // The bank of another deployment: whoever shares a secret with it may be its customer.
    const origin = URL.canParse(String(url)) ? new URL(String(url)).origin : "null";
    if (!origin.startsWith("http")) return none("SANDBOX_BANK_URL is no address");
    const open = () => sandbox(deskAt(origin, secret, outboundOf()), secret, origin);
    return { open: new Map([[MAIN_ACCOUNT, open]]), wrong: [] };
  }
  if (!bank) return none("PROVIDERS names the sandbox, whose binding SANDBOX_BANK is missing");
  return { open: new Map([[MAIN_ACCOUNT, () => sandbox(bankActor(bank), secret)]]), wrong: [] };
}
