import { env } from "cloudflare:workers";
import type { OrderId } from "../../schema/ids.ts";
import type { CaseKind } from "../../schema/order.ts";
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

const ORDER = `ord_${"0".repeat(24)}`;
const REFUND = `ref_${"0".repeat(26)}`;

test.for<[CaseKind, string, string | null, string]>([
  ["amount_mismatch", "amount_mismatch:p:1CNY", ORDER, "/v1/admin/orders/{order}/query"],
  ["bill_mismatch", "bill_mismatch:p", ORDER, "/v1/admin/orders/{order}/query"],
  ["fate_open", "fate_open:p", ORDER, "/v1/admin/orders/{order}/query"],
  ["wrong_account", "wrong_account:p:x/main", ORDER, "/v1/admin/orders/{order}/query"],
  ["refund_failed", `refund_failed:${REFUND}`, ORDER, "/v1/admin/orders/{order}/refunds/{refund}/retry"],
  ["refund_failed", `refund_exceeded:${REFUND}`, ORDER, "/v1/admin/orders/{order}/query"],
  ["stock_lost", `stock_lost:${ORDER}`, ORDER, "/v1/admin/orders/{order}/refunds"],
  ["capture_failed", `capture_failed:${ORDER}`, ORDER, "/v1/admin/skus/{sku}/stock"],
  ["dead_letter", "dead_letter:effects:m/1", null, "/v1/admin/dead-letters/{id}/replay"],
  ["read_model_differs", "read_model_differs:order:x:1", ORDER, "/v1/admin/audits"],
  ["unknown_order", "unknown_order:sandbox:e", ORDER, "/v1/admin/cases/{case}/resolve"],
  ["unknown_payment", "unknown_payment:p", ORDER, "/v1/admin/cases/{case}/resolve"],
  ["bill_mismatch", "bill_mismatch:q", null, "/v1/admin/cases/{case}/resolve"],
])(
  "%s, as %s: has an age, and a request of this API that sets it right",
  async ([kind, name, order, path]) => {
    const id = `${name}${kind === "refund_failed" ? "" : fresh("-")}`;
    const openedAt = Date.now() - 90_000;
    await openCase(env.DB, {
      id,
      kind,
      order: order as OrderId | null,
      payment: null,
      detail: "?",
      openedAt,
    });
    const { body } = await call("/v1/admin/cases", { token: ADMIN });
    const known = body.data.find((one: { id: string }) => one.id === id);
    expect(known.age_seconds).toBeGreaterThanOrEqual(90);
    const form = path.replaceAll(/\{\w+\}/g, "[^/]+");
    expect(known.remedy).toEqual({ method: "POST", path: expect.stringMatching(new RegExp(`^${form}$`)) });
    if (path.includes("{order}")) expect(known.remedy.path).toContain(order);
    const { body: document } = await call("/openapi.json", {});
    expect(document.paths[path].post).toBeDefined();
  },
);
