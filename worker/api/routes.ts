import { OpenAPIHono } from "@hono/zod-openapi";
import type { StaffRole } from "../../schema/staff.ts";
import type { App } from "../app-env.ts";
import { admit, type Check } from "../middleware/admit.ts";
import { requireStaff } from "../middleware/staff.ts";
import { problem, PROBLEMS, type FieldError, type ProblemCode } from "../problem.ts";

/** Where in the request a validator found something, as RFC 9457's pointers want it. */
const PREFIX: Record<string, string> = { json: "", query: "/query", param: "/path", header: "/header" };

const escaped = (part: PropertyKey): string => String(part).replaceAll("~", "~0").replaceAll("/", "~1");

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

/** One entry for each field, unknown ones named one by one. */
export function fieldErrors(target: string, issues: readonly Issue[]): FieldError[] {
  const prefix = PREFIX[target] ?? "";
  return issues.flatMap((issue) => {
    const at = prefix + issue.path.map((part) => `/${escaped(part)}`).join("");
    if (issue.code !== "unrecognized_keys") return [{ pointer: at, detail: issue.message }];
    return (issue.keys ?? []).map((key) => ({
      pointer: `${at}/${escaped(key)}`,
      detail: "is not a field of this request",
    }));
  });
}

/** A group of routes whose invalid requests are all answered in one way. */
export const routes = (): OpenAPIHono<App> =>
  new OpenAPIHono<App>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const errors = fieldErrors(result.target, result.error.issues);
      return problem(c, { code: "invalid_request", errors });
    },
  });

/** A JSON answer, for a route's `responses`. */
export const answer = <Schema>(
  description: string,
  schema: Schema,
  headers?: Record<string, { description: string }>,
) => ({
  description,
  content: { "application/json": { schema } },
  ...(headers && { headers: headerObjects(headers) }),
});

const headerObjects = (headers: Record<string, { description: string }>) =>
  Object.fromEntries(
    Object.entries(headers).map(([key, { description }]) => [
      key,
      { description, schema: { type: "string" as const } },
    ]),
  );

export const body = <Schema>(schema: Schema) => ({
  body: { required: true, content: { "application/json": { schema } } },
});

/** Refusals a route may answer with, by status; every route adds the ones any request may meet. */
export function refusals(...codes: ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of [...codes, "internal_error"] as const) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      status,
      {
        description: all.map((code) => `\`${code}\``).join(", "),
        content: { "application/problem+json": { schema: problemWith(all) } },
      },
    ]),
  );
}

/** The problem's schema, with the codes that one operation may answer with: written for the document, which nothing parses. */
const problemWith = (codes: readonly ProblemCode[]) => ({
  allOf: [
    { $ref: "#/components/schemas/Problem" },
    { type: "object" as const, properties: { code: { type: "string" as const, enum: [...codes] } } },
  ],
});

/** What may go wrong with a JSON body. */
export const BODY_REFUSALS = [
  "invalid_json",
  "invalid_request",
  "body_too_large",
  "unsupported_media_type",
] as const;
/** What may go wrong with an idempotency key. */
export const KEY_REFUSALS = [
  "idempotency_key_missing",
  "idempotency_key_invalid",
  "idempotency_key_reused",
] as const;

/** For documentation: the key's own middleware reads and refuses it. */
export const KEY_HEADER = {
  name: "Idempotency-Key",
  in: "header" as const,
  required: true,
  description:
    "1 to 255 visible ASCII characters, fresh for every new request and the same when it is repeated.",
  schema: { type: "string" as const, minLength: 1, maxLength: 255 },
};

export const BUYER = [{ buyer: [] }, { buyerCookie: [] }];

/** Staff of at least this role, for the document: OpenAPI 3.1 has the role in the requirement's list. */
export const byStaff = (role: StaffRole) => [{ staff: [role] }];

/** A route for staff of at least this role. The document says what the middleware does, since both are made of one word. */
export const forStaff = (role: StaffRole, ...more: Check[]) => ({
  security: byStaff(role),
  middleware: [admit(requireStaff(role), ...more)],
});
