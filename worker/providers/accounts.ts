import type * as z from "zod";
import { SLUG } from "../../schema/ids.ts";
import { jsonOf } from "../json.ts";
import { outboundOf } from "./outbound.ts";
import type { Outbound, PaymentProvider } from "./port.ts";

/** The settings of a deployment, by name. Accounts are secrets, so they are in no list of names. */
export type Settings = Readonly<Record<string, unknown>>;

/** A provider's accounts as the settings describe them, and what is wrong with those that cannot be used. */
export interface Accounts {
  readonly open: ReadonlyMap<string, () => PaymentProvider>;
  /** Sentences for whoever deploys. They name settings and never show what is in them. */
  readonly wrong: readonly string[];
}

/** A kind of provider: its name, and its accounts in some settings. */
export interface Kind {
  readonly name: string;
  readonly accounts: (settings: Settings) => Accounts;
}

/**
 * A provider whose accounts are secrets of their own: `STRIPE_ACCOUNT_MAIN` is the account `main` of `stripe`, as JSON of the
 * provider's schema. So a merchant adds an account by adding a secret, and each stays below the platform's 5 kB.
 */
export function bySecrets<Account>(
  name: string,
  schema: z.ZodType<Account>,
  make: (id: string, account: Account, outbound: Outbound) => PaymentProvider,
): Kind {
  const prefix = `${name.toUpperCase()}_ACCOUNT_`;
  return {
    name,
    accounts(settings) {
      const open = new Map<string, () => PaymentProvider>();
      const wrong: string[] = [];
      for (const [setting, value] of Object.entries(settings)) {
        if (!setting.startsWith(prefix)) continue;
        const id = setting.slice(prefix.length).toLowerCase().replaceAll("_", "-");
        const read = schema.safeParse(typeof value === "string" ? jsonOf(value) : undefined);
        if (!SLUG.test(id)) wrong.push(`${setting} names no account`);
        else if (read.success) open.set(id, () => make(id, read.data, outboundOf()));
        else wrong.push(`${setting} is not an account of ${name}: ${whereOf(read.error)}`);
      }
      return { open, wrong };
    },
  };
}

/** Where an account is wrong. What stands there may be a key, so the schema's own words must not quote it, and none does. */
const whereOf = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message)).join(", ");
