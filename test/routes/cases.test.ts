import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { openCase } from "../../worker/read-models/cases.ts";
import { ADMIN, call, fresh } from "./shop.ts";

async function opened(): Promise<string> {
  const id = `unknown_order:sandbox:${fresh("evt/1")}`;
  await openCase(env.DB, {
    id,
    kind: "unknown_order",
    order: null,
    payment: null,
    detail: "?",
    openedAt: 1_000,
  });
  return id;
}

const pathOf = (id: string, what: string): string => `/v1/admin/cases/${encodeURIComponent(id)}/${what}`;
const staffKey = async (role: string): Promise<string> => {
  const { body } = await call("/v1/admin/staff-keys", { token: ADMIN, body: { name: fresh(role), role } });
  return body.key;
};

test("a case is taken, resolved with a word, and written into the audit", async () => {
  const id = await opened();
  const token = await staffKey("support");
  const taken = await call(pathOf(id, "assign"), { token, body: {} });
  expect([taken.status, taken.body.owner]).toEqual([200, expect.stringMatching(/./)]);
  const given = await call(pathOf(id, "assign"), { token, body: { owner: "ann" } });
  expect(given.body.owner).toBe("ann");

  const resolved = await call(pathOf(id, "resolve"), { token, body: { resolution: "refunded by hand" } });
  expect(resolved.body).toMatchObject({
    id,
    owner: "ann",
    resolution: "refunded by hand",
    resolved_by: taken.body.owner,
  });
  const idsOf = async (query: string): Promise<string[]> =>
    (await call(`/v1/admin/cases${query}`, { token })).body.data.map((one: { id: string }) => one.id);
  expect(await idsOf("")).not.toContain(id);
  expect(await idsOf("?state=resolved")).toContain(id);

  const { body } = await call("/v1/admin/audit", { token: ADMIN });
  const entries = body.data.filter(({ target }: { target: string }) => target === id);
  expect(entries.map(({ action }: { action: string }) => action)).toEqual([
    "case.resolve",
    "case.assign",
    "case.assign",
  ]);
  expect(entries[0]).toMatchObject({ reason: "refunded by hand" });
});

test("a case is closed by nobody without the role, a reason, or a case", async () => {
  const id = await opened();
  const viewer = await staffKey("viewer");
  const body = { resolution: "done" };
  expect((await call(pathOf(id, "resolve"), { token: viewer, body })).body.code).toBe("forbidden");
  expect((await call(pathOf(id, "resolve"), { token: ADMIN, body: {} })).body.errors[0].pointer).toBe(
    "/resolution",
  );
  expect((await call(pathOf(id, "resolve"), { token: ADMIN, body: { ...body, owner: "x" } })).status).toBe(
    400,
  );
  expect((await call(pathOf("no such case", "resolve"), { token: ADMIN, body })).status).toBe(404);
  expect((await call("/v1/admin/cases?state=lost", { token: ADMIN })).body.code).toBe("invalid_request");
});
