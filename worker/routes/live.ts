import { Hono } from "hono";
import { SLUG } from "../../schema/ids.ts";
import type { App } from "../app-env.ts";
import { problem } from "../problem.ts";

/** `GET /v1/sales/{sale}/live`: the WebSocket of a sale. */
export const live = new Hono<App>().get("/v1/sales/:sale/live", async (c) => {
  const sale = c.req.param("sale");
  if (!SLUG.test(sale)) return problem(c, { code: "not_found" });
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket")
    return problem(c, { code: "invalid_request", detail: "This is a WebSocket: send `Upgrade: websocket`." });
  // The stub itself, not the retrying proxy: an upgrade is not safe to repeat and its socket cannot be copied.
  const answer = await c.env.GATE.getByName(sale).fetch(c.req.raw);
  return answer.status === 404 ? problem(c, { code: "not_found" }) : answer;
});
