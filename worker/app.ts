import { HTTPException } from "hono/http-exception";
import { every } from "hono/combine";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Context, MiddlewareHandler } from "hono";
import { logError } from "../durable-objects/log.ts";
import { routes } from "./api/routes.ts";
import type { App } from "./app-env.ts";
import { allowedOrigins } from "./config.ts";
import { language } from "./middleware/language.ts";
import { requestLog } from "./middleware/request-log.ts";
import { dataHeaders, pageHeaders } from "./middleware/security-headers.ts";
import { errorPage, problemPage } from "./pages/problem-page.tsx";
import { pages } from "./pages/routes.tsx";
import { isProblemCode, problem, PROBLEMS, type ProblemCode } from "./problem.ts";
import { sandbox } from "./providers/sandbox/routes.tsx";
import { buyers } from "./routes/buyers.ts";
import { docs, serveOpenApi } from "./routes/docs.ts";
import { health } from "./routes/health.ts";
import { live } from "./routes/live.ts";
import { metrics } from "./routes/metrics.ts";
import { orders } from "./routes/orders.ts";
import { sales } from "./routes/sales.ts";
import { staffAudits } from "./routes/staff-audits.ts";
import { staffCases } from "./routes/staff-cases.ts";
import { staffDesk } from "./routes/staff-desk.ts";
import { staffOrders } from "./routes/staff-orders.ts";
import { staffReconciliation } from "./routes/staff-reconciliation.ts";
import { staffRefunds } from "./routes/staff-refunds.ts";
import { staffSales } from "./routes/staff-sales.ts";
import { staffWebhooks } from "./routes/staff-webhooks.ts";
import { webhooks } from "./routes/webhooks.ts";

const CORS_MAX_AGE_S = 600;

/** Paths of machines: their refusals are problem documents, whatever a browser says it accepts. */
const API_PATH = /^\/(?:v1|sandbox\/v1|openapi\.json|metrics|healthz|readyz)(?:\/|$)/;

const wantsPage = (c: Context<App>): boolean =>
  !API_PATH.test(c.req.path) && (c.req.header("accept") ?? "").includes("text/html");

function sceneOf(c: Context<App>) {
  const { pathname, search } = new URL(c.req.url);
  return { lang: c.get("lang"), here: pathname + search, now: Date.now() };
}

/** A refusal that no route made: as a page for people, as a problem for programs. */
function refuse(c: Context<App>, code: ProblemCode): Response | Promise<Response> {
  if (!wantsPage(c)) return problem(c, { code });
  const { status } = PROBLEMS[code];
  return c.html(errorPage({ ...sceneOf(c), status, requestId: c.get("requestId"), code }), status);
}

/** What the platform and the framework throw, in our words. Everything else is a defect, and says nothing but that. */
function codeOf(error: unknown): ProblemCode {
  if (error instanceof HTTPException) {
    if (error.status === 400) return "invalid_json";
    if (error.status === 413) return "body_too_large";
    if (error.status === 415) return "unsupported_media_type";
  }
  const { overloaded, retryable } = error as { overloaded?: boolean; retryable?: boolean };
  if (overloaded || retryable) return "overloaded";
  // D1 being away is a moment's trouble; SQL that it refuses is a defect of ours.
  const away = /\bD1_ERROR\b/.test(String(error)) && !/SQLITE_/.test(String(error));
  return away ? "overloaded" : "internal_error";
}

const isData = (c: Context<App>): boolean => API_PATH.test(c.req.path);

/** Browsers of other origins say where they come from; everybody else is spared what is only for them. */
const crossOrigin = cors({
  origin: (origin, c: Context<App>) =>
    allowedOrigins(c.env.ALLOWED_ORIGINS).includes(origin) ? origin : null,
  allowMethods: ["GET", "POST", "PUT", "DELETE"],
  allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"],
  exposeHeaders: ["Idempotent-Replayed", "Location", "Retry-After", "X-Request-Id"],
  maxAge: CORS_MAX_AGE_S,
});

const forPages: MiddlewareHandler<App> = every(language, pageHeaders);

/** Every layer here is paid for by each of ten thousand presses: what only pages need is only put before pages. */
function createApp() {
  const app = routes();

  app.use(requestLog);
  app.use((c, next) => (isData(c) ? dataHeaders(c, next) : forPages(c, next)));
  // Before the next, which touches the answer: an upgraded one cannot be touched.
  app.route("/", live);
  app.use("/v1/*", (c, next) => (c.req.header("origin") === undefined ? next() : crossOrigin(c, next)));

  for (const group of [
    health,
    buyers,
    sales,
    orders,
    webhooks,
    staffSales,
    staffOrders,
    staffRefunds,
    staffReconciliation,
    staffAudits,
    staffDesk,
    staffCases,
    staffWebhooks,
    metrics,
  ])
    app.route("/", group);
  app.route("/sandbox", sandbox);
  app.route("/", docs);
  serveOpenApi(app);
  app.get("/problems/:code", (c) => {
    const code = c.req.param("code");
    return isProblemCode(code) ? c.html(problemPage(sceneOf(c), code)) : refuse(c, "not_found");
  });
  app.route("/", pages);

  // Last: only a request that no route has answered comes here.
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(", ");
        const refused = problem(c, { code: "method_not_allowed", detail: `Allowed: ${allow}.` });
        refused.headers.set("Allow", allow);
        return refused;
      },
    }),
  );
  app.notFound(async (c) => {
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    if (isRead && !API_PATH.test(c.req.path)) {
      const file = await c.env.ASSETS.fetch(c.req.raw);
      if (file.status !== 404) return c.newResponse(file.body, file);
    }
    return refuse(c, "not_found");
  });
  app.onError((error, c) => {
    const code = codeOf(error);
    if (PROBLEMS[code].status >= 500)
      logError({ event: "request_failed", request: c.get("requestId"), path: c.req.path }, error);
    return refuse(c, code);
  });
  return app;
}

export const app = createApp();
