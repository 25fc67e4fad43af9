import type { Context } from "hono";
import type { App } from "../app-env.ts";

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** The token of `Authorization: Bearer …`; an empty string when the header is there and is something else. */
export function bearerOf(c: Context<App>): string | null {
  const header = c.req.header("authorization");
  if (header === undefined) return null;
  return BEARER.exec(header)?.[1] ?? "";
}
