import { createRoute, z } from "@hono/zod-openapi";
import { MAIN_ACCOUNT } from "../../schema/order.ts";
import { answer, body, BODY_REFUSALS, forStaff, refusals, routes } from "../api/routes.ts";
import { audit } from "../audit.ts";
import { jsonBody } from "../middleware/body.ts";
import { problem } from "../problem.ts";
import { reconcile } from "../reconciliation/reconcile.ts";

/** Differences one answer shows; every one of them is a case. */
const SHOWN_MAX = 200;

const ReconciliationRequest = z
  .strictObject({
    provider: z.string().min(1).max(32).openapi({ example: "wechatpay" }),
    account: z.string().min(1).max(64).default(MAIN_ACCOUNT),
    day: z.iso
      .date()
      .openapi({ description: "Beijing's day; bills of it are there from ten o'clock of the next." }),
  })
  .openapi("ReconciliationRequest");

const Reconciliation = z
  .object({
    matched: z.int(),
    different: z.int(),
    data: z.array(
      z.object({ kind: z.enum(["amount", "theirs", "ours"]), reference: z.string(), detail: z.string() }),
    ),
  })
  .openapi("Reconciliation");

const run = createRoute({
  method: "post",
  path: "/v1/admin/reconciliations",
  tags: ["Staff"],
  summary: "Compare a provider's bill of a day with what we know",
  description: "Changes no order by itself: differences become cases, and orders ask their provider again.",
  ...forStaff("finance", jsonBody),
  request: body(ReconciliationRequest),
  responses: {
    200: answer("What agreed, and what did not.", Reconciliation),
    ...refusals(...BODY_REFUSALS, "unauthenticated", "forbidden", "provider_unavailable", "overloaded"),
  },
});

export const staffReconciliation = routes().openapi(run, async (c) => {
  const { provider, account, day } = c.req.valid("json");
  await audit(c, { action: "reconcile", target: `${provider}/${account}`, reason: null, detail: { day } });
  const done = await reconcile(c.env, { provider, account }, day, Date.now());
  if (!done.ok) {
    const { code, detail } = done.error;
    if (code === "no_bill")
      return problem(c, { code: "invalid_request", errors: [{ pointer: "/provider", detail }] });
    return problem(c, { code: "provider_unavailable", detail });
  }
  const { matched, differences } = done.value;
  const data = differences.slice(0, SHOWN_MAX).map((difference) => ({ ...difference }));
  return c.json({ matched, different: differences.length, data }, 200);
});
