import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PORT_DEFAULT = 8787;
export const SECRETS = [
  "ADMIN_KEY",
  "BUYER_TOKEN_SECRET",
  "WEBHOOK_SECRET",
  "SANDBOX_WEBHOOK_SECRET",
] as const;
const SECRETS_FILE = "secrets.json";
type Secrets = Record<(typeof SECRETS)[number], string>;

/** What a local server runs with: from the environment, and kept beside its data where it was not given. */
export interface Settings {
  readonly port: number;
  readonly dataDir: string;
  /** Where Miniflare and wrangler keep the state of all bindings; both servers share it. */
  readonly stateDir: string;
  readonly secrets: Secrets;
  readonly vars: Readonly<Record<string, string>>;
  readonly seed: boolean;
}

/** Where local state is kept: there from the first command on. */
export function openDataDir(): string {
  const dataDir = resolve(ROOT, process.env.DATA_DIR ?? ".data");
  mkdirSync(dataDir, { recursive: true });
  return dataDir;
}

/** Reads and keeps nothing: a command that is refused a moment later must not have changed what the running server goes by. */
export function readSettings(): Settings {
  const port = Number(process.env.PORT ?? PORT_DEFAULT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    fail(`PORT is "${process.env.PORT}", which is not a port.`);
  const dataDir = openDataDir();
  return {
    port,
    dataDir,
    stateDir: join(dataDir, "state"),
    secrets: readSecrets(dataDir),
    vars: {
      RATE_LIMIT: process.env.RATE_LIMIT ?? "on",
      REQUEST_LOG: process.env.REQUEST_LOG ?? "on",
      ALLOWED_ORIGINS: process.env.ALLOWED_ORIGINS ?? "",
      PROVIDERS: process.env.PROVIDERS ?? "sandbox",
      CASHIER: process.env.CASHIER ?? "",
      SANDBOX_BANK_URL: process.env.SANDBOX_BANK_URL ?? "",
      WEBHOOK_HOSTS_ALLOWED: process.env.WEBHOOK_HOSTS_ALLOWED ?? "",
      ...accounts(),
    },
    seed: process.env.SEED !== "off",
  };
}

/** A merchant's accounts at real providers, where whoever starts it has some. They are never kept. */
const accounts = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      /^[A-Z]+_ACCOUNT_[A-Z0-9_]+$/.test(name) && value ? [[name, value]] : [],
    ),
  );

/** Secrets given in the environment win; then those of last time; the rest are made up. */
function readSecrets(dataDir: string): Secrets {
  const file = join(dataDir, SECRETS_FILE);
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<Secrets>) : {};
  const made: Secrets = {
    ADMIN_KEY: `dbk_admin_${randomBytes(32).toString("base64url")}`,
    BUYER_TOKEN_SECRET: randomBytes(32).toString("base64url"),
    WEBHOOK_SECRET: randomBytes(32).toString("base64url"),
    SANDBOX_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString("base64")}`,
  };
  const secrets = { ...made, ...kept };
  for (const name of SECRETS) secrets[name] = process.env[name] || secrets[name];
  return secrets;
}

/** For the next start, and for the load that is sent at this one; readable by their owner only, and never half written. */
export function keepSecrets({ dataDir, secrets }: Settings): void {
  const draft = join(dataDir, `${SECRETS_FILE}.draft`);
  rmSync(draft, { force: true });
  writeFileSync(draft, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  renameSync(draft, join(dataDir, SECRETS_FILE));
}

/** Ends the command with a sentence for the person who started it. */
export function fail(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}
