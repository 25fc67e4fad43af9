import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { App } from "../app-env.ts";

/**
 * No inline script or style anywhere, nothing from other origins but pictures of goods. `form-action` is left to the browser's
 * default for redirects: a payment form of ours answers with a redirect to the provider.
 */
export const securityHeaders: MiddlewareHandler<App> = secureHeaders({
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
  strictTransportSecurity: "max-age=31536000; includeSubDomains",
});
