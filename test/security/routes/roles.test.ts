import { beforeAll, describe, expect, test } from "vitest";
import { mayActAs, STAFF_ROLES, type StaffRole } from "../../../schema/staff.ts";
import { app } from "../../../worker/app.ts";
import { ApiDocument, nameOf, type Operation } from "../../fuzz/document.ts";
import { ADMIN, call, fresh, tokenOf, type Answered } from "../../routes/shop.ts";

/**
 * OWASP API1, API5:2023 and ASVS 5.0 8.2.1, 8.2.2, 8.3.1: who may do what, asked of every operation of the document. One that is added is asked by
 * itself, and one that does not say whose it is fails.
 */

const document = new ApiDocument((await call("/openapi.json")).body);
const forStaff = document.operations.filter(({ role }) => role !== null);
const forBuyers = document.operations.filter(({ forBuyers: open }) => open);

/** Open to everybody, each for a reason of its own: callbacks are signed, the rest says nothing that is anybody's. */
const OPEN = [
  "GET /healthz",
  "GET /readyz",
  "POST /v1/buyers",
  "GET /v1/sales",
  "GET /v1/sales/{sale}",
  "POST /v1/webhooks/{provider}",
  "POST /v1/webhooks/{provider}/{account}",
];

let keys: Record<StaffRole, string>;
let revoked: string;
beforeAll(async () => {
  const keyOf = async (role: StaffRole) =>
    (await call("/v1/admin/staff-keys", { token: ADMIN, body: { name: fresh(role), role } })).body;
  const made = await Promise.all(STAFF_ROLES.map(keyOf));
  keys = Object.fromEntries(made.map(({ role, key }) => [role, key])) as typeof keys;
  const gone = await keyOf("admin");
  await call(`/v1/admin/staff-keys/${gone.id}`, { method: "DELETE", token: ADMIN });
  revoked = gone.key;
});

/** A request that is allowed to nobody's harm: it names nothing that there is. */
function ask({ method, path, body }: Operation, token: string | null): Promise<Answered> {
  const where = path.replaceAll(/\{\w+\}/g, () => fresh("nothing"));
  return call(where, { method, token, ...(body !== null && { body: {} }) });
}

test("every operation says whose it is, and is in the document", () => {
  const unclaimed = document.operations.filter(({ role, forBuyers: open }) => role === null && !open);
  expect(unclaimed.map(nameOf)).toEqual(OPEN);
  const under = document.operations.filter(({ path }) => path.startsWith("/v1/admin"));
  expect(under.filter(({ role }) => role === null).map(nameOf)).toEqual([]);
  const known = new Set(document.operations.map(nameOf));
  const served = app.routes
    .filter(({ method, path }) => method !== "ALL" && /^\/(?:v1|metrics)\b/.test(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  // The WebSocket of a sale is no request with an answer.
  expect(served.filter((name) => !known.has(name))).toEqual(["GET /v1/sales/{sale}/live"]);
});

describe("staff", () => {
  test.for(forStaff.map((operation) => [nameOf(operation), operation] as const))(
    "%s opens to its role and the ones above it, and to nobody else",
    async ([, operation]) => {
      const least = operation.role ?? "admin";
      const strangers = [null, "", "x", `${keys.admin}x`, keys.admin.toUpperCase(), revoked];
      if (!operation.forBuyers) strangers.push(await tokenOf("buy_anybody"));
      for (const token of strangers) {
        const { status, body } = await ask(operation, token);
        expect([status, body.code], String(token)).toEqual([401, "unauthenticated"]);
      }
      for (const role of STAFF_ROLES) {
        const { status, body } = await ask(operation, keys[role]);
        if (mayActAs(role, least)) expect([401, 403], `${role}: ${body.code}`).not.toContain(status);
        else expect([status, body.code], role).toEqual([403, "forbidden"]);
      }
    },
  );

  test("a refusal comes before anything is read: a wrong body and a missing key change nothing of it", async () => {
    for (const operation of forStaff.filter(({ role, method }) => role === "admin" && method !== "GET")) {
      const where = operation.path.replaceAll(/\{\w+\}/g, "x");
      const answer = await call(where, {
        method: operation.method,
        token: keys.finance,
        key: null,
        raw: "{",
      });
      expect([answer.status, answer.body.code], nameOf(operation)).toEqual([403, "forbidden"]);
    }
  });
});

describe("buyers", () => {
  test.for(forBuyers.map((operation) => [nameOf(operation), operation] as const))(
    "%s is closed to nobody's token",
    async ([, operation]) => {
      const token = await tokenOf("buy_somebody");
      const [head, payload, signature] = token.split(".");
      const none = btoa(JSON.stringify({ alg: "none" })).replaceAll("=", "");
      const strangers = [
        null,
        "",
        "x",
        `${token}x`,
        `${none}.${payload}.`,
        `${none}.${payload}.${signature}`,
      ];
      strangers.push(`${head}.${btoa(JSON.stringify({ sub: "buy_else" })).replaceAll("=", "")}.${signature}`);
      strangers.push(await tokenOf("buy_late", { exp: 1 }), await tokenOf("buy_early", { nbf: 4e9 }));
      strangers.push(await tokenOf(""), await tokenOf("with space"), await tokenOf("a\r\nb"), revoked);
      for (const stranger of strangers) {
        const { status, body } = await ask(operation, stranger);
        expect([status, body.code], String(stranger)).toEqual([401, "unauthenticated"]);
      }
    },
  );

  test("a staff key buys nothing", async () => {
    for (const operation of forBuyers.filter(({ role }) => role === null))
      expect((await ask(operation, keys.admin)).status, nameOf(operation)).toBe(401);
  });
});
