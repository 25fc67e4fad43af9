import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { BuyerId } from "../../schema/ids.ts";
import type { App } from "../app-env.ts";
import { problem } from "../problem.ts";
import type { Check } from "./admit.ts";
import { bearerOf } from "./bearer.ts";
import { BUYER_TOKEN_DAYS, mintBuyerToken, readBuyerToken } from "./tokens.ts";

const COOKIE = "buyer";
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** `__Host-` binds the cookie to this host and to TLS; plain HTTP exists only on a developer's own machine. */
const isSecure = (c: Context<App>): boolean => new URL(c.req.url).protocol === "https:";

const cookieOf = (c: Context<App>): string | undefined =>
  isSecure(c) ? getCookie(c, COOKIE, "host") : getCookie(c, COOKIE);

/** Who is buying: the bearer token's buyer or, without one, the cookie's. Null when neither says. */
export async function buyerOf(c: Context<App>): Promise<BuyerId | null> {
  const known = c.get("buyer");
  if (known !== undefined) return known;
  const token = bearerOf(c) ?? cookieOf(c);
  const named = token ? await readBuyerToken(c.env.BUYER_TOKEN_SECRET, token) : null;
  c.set("buyer", named);
  return named;
}

/** The buyer of a page: the one the cookie knows, or a new one that it knows from now on. */
export async function ensureBuyer(c: Context<App>): Promise<BuyerId> {
  const known = await buyerOf(c);
  if (known) return known;
  const { buyer: fresh, token } = await mintBuyerToken(c.env.BUYER_TOKEN_SECRET, Date.now());
  const secure = isSecure(c);
  setCookie(c, COOKIE, token, {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    secure,
    maxAge: BUYER_TOKEN_DAYS * 86_400,
    ...(secure && { prefix: "host" as const }),
  });
  c.set("buyer", fresh);
  return fresh;
}

/**
 * True when a browser says that this change was sent from another site's page. Such a request may carry our cookie without
 * its buyer knowing, so the cookie does not count. Requests without either header come from no browser.
 */
export function isForeign(c: Context<App>): boolean {
  if (SAFE_METHODS.has(c.req.method)) return false;
  const origin = c.req.header("origin");
  if (origin !== undefined) return origin !== new URL(c.req.url).origin;
  const site = c.req.header("sec-fetch-site");
  return site !== undefined && site !== "same-origin" && site !== "none";
}

/** Lets buyers in. */
export const requireBuyer: Check = async (c) => {
  if (bearerOf(c) === null && cookieOf(c) !== undefined && isForeign(c))
    return problem(c, { code: "origin_refused" });
  if ((await buyerOf(c)) !== null) return undefined;
  return problem(c, { code: "unauthenticated" }, { "WWW-Authenticate": 'Bearer realm="buyer"' });
};

/** The buyer, after `requireBuyer` has let one in. */
export function buyer(c: Context<App>): BuyerId {
  const known = c.get("buyer");
  if (!known) throw new Error("this route forgot to require a buyer");
  return known;
}

/** Forms of our pages are sent from our pages. */
export const sameOriginOnly: Check = (c) =>
  isForeign(c) ? problem(c, { code: "origin_refused" }) : undefined;
