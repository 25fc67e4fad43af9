import { createRoute, z } from "@hono/zod-openapi";
import { SLUG } from "../../schema/ids.ts";
import { gateActor } from "../actors.ts";
import { answer, body, BODY_REFUSALS, forStaff, refusals, routes } from "../api/routes.ts";
import { audit } from "../audit.ts";
import { auditSale } from "../auditor/audit.ts";
import { jsonBody } from "../middleware/body.ts";
import { problem } from "../problem.ts";

const AuditRequest = z
  .strictObject({
    sale: z.string().regex(SLUG).openapi({ example: "lamps" }),
    cursor: z.string().max(64).optional().openapi({ description: "`next_cursor` of the answer before." }),
  })
  .openapi("AuditRequest");

const Audit = z
  .object({
    compared: z.int(),
    republished: z.int().openapi({ description: "Messages that tell D1 again what it lacks." }),
    data: z.array(z.object({ subject: z.string(), detail: z.string() })),
    next_cursor: z.string().nullable(),
  })
  .openapi("Audit");

const run = createRoute({
  method: "post",
  path: "/v1/admin/audits",
  tags: ["Staff"],
  summary: "Compare what D1 knows of a sale with what its actors say",
  description:
    "A hundred orders an answer, and with the first the SKUs. What D1 lacks is published again; what differs for a quarter of an hour is a case.",
  ...forStaff("support", jsonBody),
  request: body(AuditRequest),
  responses: {
    200: answer("What was compared, and what differs.", Audit),
    ...refusals(...BODY_REFUSALS, "unauthenticated", "forbidden", "not_found", "overloaded"),
  },
});

export const staffAudits = routes().openapi(run, async (c) => {
  const { sale: id, cursor = null } = c.req.valid("json");
  const known = await gateActor(c.env, id).view();
  if (!known) return problem(c, { code: "not_found" });
  await audit(c, { action: "audit.run", target: id, reason: null, detail: { cursor } });
  const { findings, next } = await auditSale(c.env, known.sale, cursor, Date.now());
  const data = findings.different.map(({ id: subject, detail }) => ({ subject, detail }));
  const { compared, republished } = findings;
  return c.json({ compared, republished, data, next_cursor: next }, 200);
});
