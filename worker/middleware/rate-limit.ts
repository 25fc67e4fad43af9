import type { Context } from "hono";
import type { App } from "../app-env.ts";
import { problem } from "../problem.ts";
import type { Check } from "./admit.ts";
import { buyerOf } from "./buyer.ts";

/** Where a request comes from; behind Cloudflare always known, and without it this machine. */
export const addressOf = (c: Context<App>): string => c.req.header("cf-connecting-ip") ?? "127.0.0.1";

const limited =
  (limiter: "BUYER_LIMIT" | "ADDRESS_LIMIT", keyOf: (c: Context<App>) => Promise<string> | string): Check =>
  async (c) => {
    if (c.env.RATE_LIMIT === "off") return undefined;
    const { success } = await c.env[limiter].limit({ key: await keyOf(c) });
    return success ? undefined : problem(c, { code: "rate_limited" });
  };

/** So many changes a buyer. */
export const limitBuyer = limited("BUYER_LIMIT", async (c) => (await buyerOf(c)) ?? addressOf(c));
/** So many new buyers an address. */
export const limitAddress = limited("ADDRESS_LIMIT", addressOf);
