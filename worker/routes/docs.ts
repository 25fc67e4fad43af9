import type { OpenAPIHono } from "@hono/zod-openapi";
import type { App } from "../app-env.ts";

const INFO = {
  title: "Doorbuster",
  version: "1.0.0",
  description:
    "Flash-sale checkout: exactly the stock is sold, nobody pays for nothing, no paid order is lost. Money is integer minor units and an ISO 4217 currency; times are ISO 8601 UTC.",
  license: { name: "MIT", identifier: "MIT" },
};

/** Adds `/openapi.json`, generated from the schemas that validate. */
export function serveOpenApi(app: OpenAPIHono<App>): void {
  const { registry } = { registry: app.openAPIRegistry };
  registry.registerComponent("securitySchemes", "buyer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "A buyer token: HS256 with `BUYER_TOKEN_SECRET`, `sub` is the buyer. `POST /v1/buyers` gives an anonymous one.",
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
    description: "A staff key. Roles: viewer < support < finance < admin.",
  });
  app.doc31("/openapi.json", (c) => ({
    openapi: "3.1.0",
    info: INFO,
    servers: [{ url: new URL(c.req.url).origin }],
  }));
}
