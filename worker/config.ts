/** What `readConfig` looks at: vars and secrets, all strings, and the bank's binding. */
type Settings = Partial<
  Record<
    | "ENVIRONMENT"
    | "PROVIDERS"
    | "RATE_LIMIT"
    | "ALLOWED_ORIGINS"
    | "ADMIN_KEY"
    | "BUYER_TOKEN_SECRET"
    | "SANDBOX_WEBHOOK_SECRET"
    | "ACCESS_TEAM"
    | "ACCESS_AUDIENCE",
    string
  > & { SANDBOX_BANK: unknown }
>;

/** HS256 wants a key of at least its hash's length (RFC 7518, section 3.2). */
const TOKEN_SECRET_BYTES_MIN = 32;
const ADMIN_KEY_CHARS_MIN = 12;
const KNOWN_PROVIDERS = ["sandbox"];

/**
 * Reads the settings once, when the Worker starts. A deployment that would take play money for real, or sign with
 * nothing, does not start: it throws a sentence that says what to change.
 */
export function readConfig(settings: Settings): void {
  const production = settings.ENVIRONMENT === "production";
  const wrong: string[] = [];
  if (!settings.ENVIRONMENT) wrong.push("ENVIRONMENT is not set");
  if (new TextEncoder().encode(settings.BUYER_TOKEN_SECRET ?? "").length < TOKEN_SECRET_BYTES_MIN)
    wrong.push(`BUYER_TOKEN_SECRET is shorter than ${TOKEN_SECRET_BYTES_MIN} bytes`);
  if (settings.ADMIN_KEY !== undefined && settings.ADMIN_KEY.length < ADMIN_KEY_CHARS_MIN)
    wrong.push(`ADMIN_KEY is shorter than ${ADMIN_KEY_CHARS_MIN} characters`);
  if (production && settings.RATE_LIMIT === "off") wrong.push("RATE_LIMIT=off is for load tests only");

  if (Boolean(settings.ACCESS_TEAM) !== Boolean(settings.ACCESS_AUDIENCE))
    wrong.push("ACCESS_TEAM and ACCESS_AUDIENCE go together");

  const providers = providerNames(settings.PROVIDERS ?? "");
  for (const name of providers)
    if (!KNOWN_PROVIDERS.includes(name)) wrong.push(`PROVIDERS names "${name}", which does not exist`);
  if (production && providers.includes("sandbox"))
    wrong.push("PROVIDERS names the sandbox, which is not money");
  if (production && settings.SANDBOX_BANK) wrong.push("the SANDBOX_BANK binding has no place in production");
  if (providers.includes("sandbox") && !settings.SANDBOX_WEBHOOK_SECRET?.startsWith("whsec_"))
    wrong.push("SANDBOX_WEBHOOK_SECRET must be `whsec_` and base64");

  if (wrong.length > 0) throw new Error(`Doorbuster does not start: ${wrong.join("; ")}.`);
}

export const providerNames = (list: string): string[] => list.split(/[\s,]+/).filter((name) => name !== "");
export const allowedOrigins = (list: string): string[] =>
  list.split(/[\s,]+/).filter((origin) => origin !== "");
