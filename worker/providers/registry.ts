import { bankActor } from "../actors.ts";
import { providerNames } from "../config.ts";
import type { PaymentProvider } from "./port.ts";
import { sandbox } from "./sandbox/adapter.ts";

/** The only file that knows which adapters there are. Null for a name that this deployment does not offer. */
export function providerOf(env: Env, name: string): PaymentProvider | null {
  return providerNames(env.PROVIDERS).includes(name) ? adapterOf(env, name) : null;
}

/** The providers of this deployment, in the order the cashier shows them. */
export const offered = (env: Env): PaymentProvider[] =>
  providerNames(env.PROVIDERS)
    .map((name) => adapterOf(env, name))
    .filter((provider) => provider !== null);

function adapterOf(env: Env, name: string): PaymentProvider | null {
  const { SANDBOX_BANK: bank, SANDBOX_WEBHOOK_SECRET: secret } = env;
  // Play money exists only where the environment says so, and nowhere that calls itself production.
  const isOffered = name === "sandbox" && env.ENVIRONMENT !== "production" && bank && secret;
  return isOffered ? sandbox(bankActor(bank), secret) : null;
}
