import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { App } from "../app-env.ts";

const HSTS = "max-age=31536000; includeSubDomains";

/**
 * No inline script or style anywhere, nothing from other origins but pictures of goods. `form-action` is left to the browser's
 * default for redirects: a payment form of ours answers with a redirect to the provider.
 */
export const pageHeaders: MiddlewareHandler<App> = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "data:", "https:"],
    connectSrc: ["'self'"],
    manifestSrc: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
    formAction: ["'self'", "https:", "http://127.0.0.1:*", "http://localhost:*"],
  },
  xFrameOptions: "DENY",
  referrerPolicy: "same-origin",
  crossOriginOpenerPolicy: "same-origin",
  crossOriginResourcePolicy: "same-origin",
  strictTransportSecurity: HSTS,
});

/** What of it means anything for an answer that is data, and nothing is built from. */
export const DATA_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Strict-Transport-Security": HSTS,
};

/** For data that was not made by `reply`, which has put them on already. */
export const dataHeaders: MiddlewareHandler<App> = async (c, next) => {
  await next();
  if (c.get("dressed")) return;
  for (const [name, value] of Object.entries(DATA_HEADERS)) c.header(name, value);
};
