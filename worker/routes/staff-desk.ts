import { createRoute, z } from "@hono/zod-openapi";
import { iso } from "../api/present.ts";
import { answer, body, BODY_REFUSALS, forStaff, refusals, routes } from "../api/routes.ts";
import { StaffKeyRequest } from "../api/staff-schemas.ts";
import { audit } from "../audit.ts";
import { replayDeadLetter } from "../consumers/dead-letters.ts";
import { jsonBody } from "../middleware/body.ts";
import { problem } from "../problem.ts";
import { listAudit } from "../read-models/audit.ts";
import { listDeadLetters } from "../read-models/dead-letters.ts";
import { createStaffKey, listStaffKeys, revokeStaffKey } from "../read-models/staff.ts";

/** What lies on the desk of the people who run a sale: dead letters, keys, and who did what. */

const Loose = z.object({ data: z.array(z.record(z.string(), z.unknown())) });
const refused = refusals("unauthenticated", "forbidden", "not_found", "overloaded");

const deadLetters = createRoute({
  method: "get",
  path: "/v1/admin/dead-letters",
  tags: ["Staff"],
  summary: "Messages that no consumer could digest, newest first",
  ...forStaff("support"),
  responses: { 200: answer("The letters.", Loose), ...refused },
});

const replay = createRoute({
  method: "post",
  path: "/v1/admin/dead-letters/{id}/replay",
  tags: ["Staff"],
  summary: "Send a dead letter to its queue again",
  ...forStaff("support"),
  request: { params: z.object({ id: z.string() }) },
  responses: { 200: answer("The letter.", z.record(z.string(), z.unknown())), ...refused },
});

const auditTrail = createRoute({
  method: "get",
  path: "/v1/admin/audit",
  tags: ["Staff"],
  summary: "Who did what, when and why, newest first",
  ...forStaff("admin"),
  responses: { 200: answer("The entries.", Loose), ...refused },
});

const keys = createRoute({
  method: "get",
  path: "/v1/admin/staff-keys",
  tags: ["Staff"],
  summary: "Staff keys, without the keys themselves",
  ...forStaff("admin"),
  responses: { 200: answer("The keys.", Loose), ...refused },
});

const createKey = createRoute({
  method: "post",
  path: "/v1/admin/staff-keys",
  tags: ["Staff"],
  summary: "A key for a member of staff",
  description: "The key is shown in this answer and never again: only its hash is kept.",
  ...forStaff("admin", jsonBody),
  request: body(StaffKeyRequest),
  responses: {
    201: answer(
      "The key.",
      z.object({ id: z.string(), name: z.string(), role: z.string(), key: z.string() }),
    ),
    ...refused,
    ...refusals(...BODY_REFUSALS),
  },
});

const revokeKey = createRoute({
  method: "delete",
  path: "/v1/admin/staff-keys/{id}",
  tags: ["Staff"],
  summary: "Revoke a staff key",
  ...forStaff("admin"),
  request: { params: z.object({ id: z.string() }) },
  responses: { 204: { description: "Revoked." }, ...refused },
});

/** Epoch milliseconds to the wire's instants; null stays null. */
const when = (at: number | null): string | null => (at === null ? null : iso(at));

export const staffDesk = routes()
  .openapi(deadLetters, async (c) => {
    const letters = await listDeadLetters(c.env.DB);
    return c.json({ data: letters.map(letterToWire) }, 200);
  })
  .openapi(replay, async (c) => {
    const { id } = c.req.valid("param");
    await audit(c, { action: "dead_letter.replay", target: id, reason: null, detail: null });
    const letter = await replayDeadLetter(c.env, id, c.get("staff").id);
    return letter ? c.json(letterToWire(letter), 200) : problem(c, { code: "not_found" });
  })
  .openapi(auditTrail, async (c) => {
    const entries = await listAudit(c.env.DB);
    const data = entries.map(({ at, requestId, ...rest }) => ({
      ...rest,
      at: iso(at),
      request_id: requestId,
    }));
    return c.json({ data }, 200);
  })
  .openapi(keys, async (c) => {
    const known = await listStaffKeys(c.env.DB);
    const data = known.map(({ id, name, role, createdAt, createdBy, revokedAt }) => ({
      id,
      name,
      role,
      created_at: iso(createdAt),
      created_by: createdBy,
      revoked_at: when(revokedAt),
    }));
    return c.json({ data }, 200);
  })
  .openapi(createKey, async (c) => {
    const { name, role } = c.req.valid("json");
    await audit(c, { action: "staff_key.create", target: name, reason: null, detail: { role } });
    const made = await createStaffKey(c.env.DB, {
      name,
      role,
      createdBy: c.get("staff").id,
      now: Date.now(),
    });
    return c.json({ id: made.id, name, role, key: made.key }, 201);
  })
  .openapi(revokeKey, async (c) => {
    const { id } = c.req.valid("param");
    await audit(c, { action: "staff_key.revoke", target: id, reason: null, detail: null });
    const revoked = await revokeStaffKey(c.env.DB, id, Date.now());
    return revoked ? c.body(null, 204) : problem(c, { code: "not_found" });
  });

interface Letter {
  readonly id: string;
  readonly queue: string;
  readonly body: string;
  readonly failedAt: number;
  readonly replayedAt: number | null;
  readonly replayedBy: string | null;
}

const letterToWire = ({ id, queue, body: text, failedAt, replayedAt, replayedBy }: Letter) => ({
  id,
  queue,
  body: text,
  failed_at: iso(failedAt),
  replayed_at: when(replayedAt),
  replayed_by: replayedBy,
});
