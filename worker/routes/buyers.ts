import { createRoute } from "@hono/zod-openapi";
import { iso } from "../api/present.ts";
import { answer, refusals, routes } from "../api/routes.ts";
import { BuyerToken } from "../api/schemas.ts";
import { admit } from "../middleware/admit.ts";
import { limitAddress } from "../middleware/rate-limit.ts";
import { mintBuyerToken } from "../middleware/tokens.ts";

const mint = createRoute({
  method: "post",
  path: "/v1/buyers",
  tags: ["Buyers"],
  summary: "An anonymous buyer and their token",
  middleware: [admit(limitAddress)] as const,
  responses: { 201: answer("A new buyer.", BuyerToken), ...refusals("rate_limited") },
});

export const buyers = routes().openapi(mint, async (c) => {
  const { buyer, token, expiresAt } = await mintBuyerToken(c.env.BUYER_TOKEN_SECRET, Date.now());
  return c.json({ buyer, token, expires_at: iso(expiresAt) }, 201);
});
