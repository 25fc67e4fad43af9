import type { MiddlewareHandler } from "hono";
import { log } from "../../durable-objects/log.ts";
import type { App } from "../app-env.ts";

/** Ids that callers may choose, so that one id follows a request through their systems and ours. */
const REQUEST_ID = /^[\w-]{8,64}$/;

/**
 * Names every request and writes one line about it (with `REQUEST_LOG=off` only about failures). The path is logged without its query, which may carry what is not ours
 * to keep. `ms` is exact locally; in production the clock stands still between I/O, so it counts waiting, not computing.
 */
export const requestLog: MiddlewareHandler<App> = async (c, next) => {
  const given = c.req.header("x-request-id");
  const requestId = given && REQUEST_ID.test(given) ? given : crypto.randomUUID();
  c.set("requestId", requestId);
  c.set("logged", {});
  const startedAt = Date.now();
  await next();
  // An upgrade to a WebSocket cannot be touched.
  if (!c.get("dressed") && c.res.status !== 101) c.header("X-Request-Id", requestId);
  if (c.env.REQUEST_LOG === "off" && c.res.status < 500) return;
  log({
    event: "request",
    request: requestId,
    method: c.req.method,
    path: c.req.path,
    status: c.res.status,
    ms: Date.now() - startedAt,
    ...c.get("logged"),
  });
};
