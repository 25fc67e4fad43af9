import type { Context, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { JSONParsed } from "hono/utils/types";
import type { App } from "./app-env.ts";
import { DATA_HEADERS } from "./middleware/security-headers.ts";

export type Reply<T, Status extends ContentfulStatusCode> = Response &
  TypedResponse<JSONParsed<T>, Status, "json">;

/**
 * A JSON answer with all of its headers, made in one step: a crowd gets it, and a header that is set by itself is a call into
 * the runtime. Headers set on the context before do not count; what a middleware adds afterwards does.
 */
export function reply<T extends object, Status extends ContentfulStatusCode>(
  c: Context<App>,
  value: T,
  status: Status,
  headers?: Readonly<Record<string, string>>,
): Reply<T, Status> {
  c.set("dressed", true);
  return new Response(JSON.stringify(value), {
    status,
    headers: {
      "Content-Type": "application/json",
      "X-Request-Id": c.get("requestId"),
      ...DATA_HEADERS,
      ...headers,
    },
  }) as Reply<T, Status>;
}
