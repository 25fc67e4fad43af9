import type { Context, MiddlewareHandler } from "hono";
import { languageDetector } from "hono/language";
import type { App } from "../app-env.ts";

const detect = languageDetector({
  order: ["querystring", "cookie", "header"],
  lookupQueryString: "lang",
  lookupCookie: "lang",
  supportedLanguages: ["en", "zh"],
  fallbackLanguage: "en",
  caches: ["cookie"],
  cookieOptions: { path: "/", sameSite: "Lax", secure: false, httpOnly: true, maxAge: 365 * 86_400 },
});

/** The visitor's language: what they chose, else what their browser asks for. */
export const language: MiddlewareHandler<App> = async (c, next) => {
  let chosen = "en";
  await detect(c, () => {
    chosen = (c as unknown as Context<{ Variables: { language: string } }>).get("language");
    return Promise.resolve();
  });
  c.set("lang", chosen === "zh" ? "zh" : "en");
  await next();
};
