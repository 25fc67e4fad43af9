import { createRoute, z } from "@hono/zod-openapi";
import { iso } from "../api/present.ts";
import { remedyOf } from "../api/remedies.ts";
import { answer, body, BODY_REFUSALS, forStaff, refusals, routes } from "../api/routes.ts";
import { AssignRequest, Case, ResolveRequest } from "../api/staff-schemas.ts";
import { audit } from "../audit.ts";
import { jsonBody } from "../middleware/body.ts";
import { problem } from "../problem.ts";
import { assignCase, findCase, listCases, resolveCase, type KnownCase } from "../read-models/cases.ts";

/** Anomalies that no machine may settle: somebody looks after each, and says in the end what was done. */

const refused = refusals("unauthenticated", "forbidden", "not_found", "overloaded");
const params = z.object({ case: z.string() });

const list = createRoute({
  method: "get",
  path: "/v1/admin/cases",
  tags: ["Staff"],
  summary: "Anomalies that people must look at, newest first",
  ...forStaff("support"),
  request: { query: z.object({ state: z.enum(["open", "resolved"]).optional() }) },
  responses: {
    200: answer("The open cases, or the resolved ones.", z.object({ data: z.array(Case) })),
    ...refused,
    ...refusals("invalid_request"),
  },
});

const assign = createRoute({
  method: "post",
  path: "/v1/admin/cases/{case}/assign",
  tags: ["Staff"],
  summary: "Give a case to somebody, or take it",
  ...forStaff("support", jsonBody),
  request: { params, ...body(AssignRequest) },
  responses: { 200: answer("The case.", Case), ...refused, ...refusals(...BODY_REFUSALS) },
});

const resolve = createRoute({
  method: "post",
  path: "/v1/admin/cases/{case}/resolve",
  tags: ["Staff"],
  summary: "Close a case, saying what was done about it",
  description: "Closing a case that is closed changes nothing: the first word stands.",
  ...forStaff("support", jsonBody),
  request: { params, ...body(ResolveRequest) },
  responses: { 200: answer("The case.", Case), ...refused, ...refusals(...BODY_REFUSALS) },
});

export const staffCases = routes()
  .openapi(list, async (c) => {
    const known = await listCases(c.env.DB, c.req.valid("query").state);
    return c.json({ data: known.map(caseToWire) }, 200);
  })
  .openapi(assign, async (c) => {
    const id = c.req.valid("param").case;
    if (!(await findCase(c.env.DB, id))) return problem(c, { code: "not_found" });
    const owner = c.req.valid("json").owner ?? c.get("staff").id;
    await audit(c, { action: "case.assign", target: id, reason: null, detail: { owner } });
    await assignCase(c.env.DB, id, owner);
    return c.json(await toldOf(c.env, id), 200);
  })
  .openapi(resolve, async (c) => {
    const id = c.req.valid("param").case;
    if (!(await findCase(c.env.DB, id))) return problem(c, { code: "not_found" });
    const { resolution } = c.req.valid("json");
    await audit(c, { action: "case.resolve", target: id, reason: resolution, detail: null });
    await resolveCase(c.env.DB, id, { by: c.get("staff").id, resolution, now: Date.now() });
    return c.json(await toldOf(c.env, id), 200);
  });

async function toldOf(env: Env, id: string): Promise<z.infer<typeof Case>> {
  const known = await findCase(env.DB, id);
  if (!known) throw new Error(`the case ${id} was found and is not there`);
  return caseToWire(known);
}

const caseToWire = (known: KnownCase): z.infer<typeof Case> => ({
  id: known.id,
  kind: known.kind,
  detail: known.detail,
  order: known.orderId,
  payment: known.paymentId,
  opened_at: iso(known.openedAt),
  // A case that is settled grows no older.
  age_seconds: Math.max(0, Math.floor(((known.resolvedAt ?? Date.now()) - known.openedAt) / 1_000)),
  remedy: remedyOf(known),
  owner: known.owner,
  resolved_at: known.resolvedAt === null ? null : iso(known.resolvedAt),
  resolved_by: known.resolvedBy,
  resolution: known.resolution,
});
