import { wrongCashier } from "./checkout/methods.ts";
import { wrongProviders } from "./providers/registry.ts";

/** What `readConfig` looks at: vars and secrets, all strings, and the bank's binding. Accounts have names of their own. */
type Settings = Partial<
  Record<
    | "ENVIRONMENT"
    | "PROVIDERS"
    | "CASHIER"
    | "RATE_LIMIT"
    | "ALLOWED_ORIGINS"
    | "ADMIN_KEY"
    | "BUYER_TOKEN_SECRET"
    | "WEBHOOK_SECRET"
    | "WEBHOOK_HOSTS_ALLOWED"
    | "SANDBOX_WEBHOOK_SECRET"
    | "ACCESS_TEAM"
    | "ACCESS_AUDIENCE",
    string
  > & { SANDBOX_BANK: unknown }
> & { readonly [account: `${string}_ACCOUNT_${string}`]: string };

/** HS256 wants a key of at least its hash's length (RFC 7518, section 3.2). */
const SECRET_BYTES_MIN = 32;
const ADMIN_KEY_CHARS_MIN = 12;

/**
 * Reads the settings once, when the Worker starts. A deployment that would take play money for real, or sign with
 * nothing, does not start: it throws a sentence that says what to change.
 */
export function readConfig(settings: Settings): void {
  const production = settings.ENVIRONMENT === "production";
  const wrong: string[] = [];
  if (!settings.ENVIRONMENT) wrong.push("ENVIRONMENT is not set");
  for (const name of ["BUYER_TOKEN_SECRET", "WEBHOOK_SECRET"] as const)
    if (new TextEncoder().encode(settings[name] ?? "").length < SECRET_BYTES_MIN)
      wrong.push(`${name} is shorter than ${SECRET_BYTES_MIN} bytes`);
  if (settings.ADMIN_KEY !== undefined && settings.ADMIN_KEY.length < ADMIN_KEY_CHARS_MIN)
    wrong.push(`ADMIN_KEY is shorter than ${ADMIN_KEY_CHARS_MIN} characters`);
  if (production && settings.RATE_LIMIT === "off") wrong.push("RATE_LIMIT=off is for load tests only");
  if (production && settings.WEBHOOK_HOSTS_ALLOWED)
    wrong.push("WEBHOOK_HOSTS_ALLOWED opens private networks, which has no place in production");

  if (Boolean(settings.ACCESS_TEAM) !== Boolean(settings.ACCESS_AUDIENCE))
    wrong.push("ACCESS_TEAM and ACCESS_AUDIENCE go together");

  if (production && settings.SANDBOX_BANK) wrong.push("the SANDBOX_BANK binding has no place in production");
  wrong.push(...wrongProviders(settings), ...wrongCashier(settings.CASHIER ?? ""));

  if (wrong.length > 0) throw new Error(`Doorbuster does not start: ${wrong.join("; ")}.`);
}

export const allowedOrigins = (list: string): string[] =>
  list.split(/[\s,]+/).filter((origin) => origin !== "");
