import type { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import type { App } from "../app-env.ts";
import { Problem } from "../api/schemas.ts";

const INFO = {
  title: "Doorbuster",
  version: "1.0.0",
  description:
    "Flash-sale checkout: exactly the stock is sold, nobody pays for nothing, no paid order is lost. Money is integer minor units and an ISO 4217 currency; times are ISO 8601 UTC.",
  license: { name: "MIT", identifier: "MIT" },
};

/** Adds `/openapi.json`, generated from the schemas that validate. */
export function serveOpenApi(app: OpenAPIHono<App>): void {
  const registry = app.openAPIRegistry;
  // Named by every refusal, parsed by none.
  registry.register("Problem", Problem);
  registry.registerComponent("securitySchemes", "buyer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A buyer token: HS256 with `BUYER_TOKEN_SECRET`, `sub` is the buyer. `POST /v1/buyers` gives an anonymous one.",
  });
  registry.registerComponent("securitySchemes", "buyerCookie", {
    type: "apiKey",
    in: "cookie",
    name: "buyer",
    description: "The cookie our own pages set. It counts only for requests from our own origin.",
  });
  registry.registerComponent("securitySchemes", "staff", {
    type: "http",
    scheme: "bearer",
    description:
      "A staff key. Roles: viewer < support < finance < admin. Each operation's requirement names the least that will do.",
  });
  app.doc31("/openapi.json", (c) => ({
    openapi: "3.1.0",
    info: INFO,
    servers: [{ url: new URL(c.req.url).origin }],
  }));
}

/** The reference, from our own files: nothing is loaded from elsewhere. Swagger UI sets styles on elements, so they are allowed here. */
export const docs = new Hono<App>().get("/docs", (c) => {
  c.header(
    "Content-Security-Policy",
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
  return c.html(`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Doorbuster API</title>
    <link rel="icon" href="/favicon.svg">
    <link rel="stylesheet" href="/docs-assets/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <noscript><p>The same reference as data: <a href="/openapi.json">/openapi.json</a></p></noscript>
    <script src="/docs-assets/swagger-ui-bundle.js"></script>
    <script type="module" src="/docs-assets/init.js"></script>
  </body>
</html>`);
});
