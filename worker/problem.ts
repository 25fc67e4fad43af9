import type { Context, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { App } from "./app-env.ts";
import { reply } from "./reply.ts";

interface Problem {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  /** What the page behind the problem's `type` says: what happened, and what to do about it. */
  readonly explain: string;
  /** Seconds after which asking again is worth it, when the refusal does not know better. */
  readonly retryAfter?: number;
}

/** The one table of refusals and their HTTP. A code that is not here does not exist. */
export const PROBLEMS = {
  invalid_json: {
    status: 400,
    title: "The body is not JSON",
    explain: "The request body could not be read as JSON in UTF-8. Nothing was changed.",
  },
  invalid_request: {
    status: 400,
    title: "The request is not valid",
    explain:
      "A field is missing, has a value that is not allowed, or is unknown. `errors` names each one by its JSON pointer. Prices, amounts, buyers and states are never taken from a client: they are unknown fields.",
  },
  idempotency_key_missing: {
    status: 400,
    title: "The Idempotency-Key header is missing",
    explain:
      "Send a fresh `Idempotency-Key` with every new order, payment, refund or stock change, and the same one when you repeat it.",
  },
  idempotency_key_invalid: {
    status: 400,
    title: "The Idempotency-Key header is not valid",
    explain: "A key is 1 to 255 visible ASCII characters. A UUID is a good one.",
  },
  unauthenticated: {
    status: 401,
    title: "Who is asking?",
    explain:
      "Send `Authorization: Bearer <token>`: a buyer token for buyer endpoints, a staff key for staff endpoints. The one sent is missing, expired or not ours.",
  },
  invalid_signature: {
    status: 401,
    title: "The signature is not valid",
    explain:
      "The callback's signature does not match its bytes, or its timestamp is too old or too far in the future. Nothing was queued.",
  },
  forbidden: {
    status: 403,
    title: "Your role does not allow this",
    explain: "The staff key is valid, but this needs a higher role: viewer, support, finance, admin.",
  },
  origin_refused: {
    status: 403,
    title: "This origin may not ask that",
    explain:
      "A browser of another site sent this with our cookie. Cookies count only on our own pages; other origins use tokens and must be allowed.",
  },
  not_found: {
    status: 404,
    title: "There is no such thing",
    explain: "It does not exist, or it is somebody else's, which is told apart from nothing to nobody.",
  },
  method_not_allowed: {
    status: 405,
    title: "Not with this method",
    explain: "The path exists, the method does not. `Allow` lists the ones that do.",
  },
  sold_out: {
    status: 409,
    title: "Sold out",
    explain:
      "Nothing is free at this moment. Units that are held may still come back: `held_out` on the sale says so.",
  },
  purchase_limit: {
    status: 409,
    title: "Purchase limit reached",
    explain: "One buyer may hold or own only so many units of a SKU in this sale.",
  },
  sale_not_open: {
    status: 409,
    title: "The sale has not opened",
    explain: "Come back when `opens_at` has passed by the server's clock.",
  },
  sale_closed: {
    status: 409,
    title: "The sale has closed",
    explain: "`closes_at` has passed by the server's clock.",
  },
  order_expired: {
    status: 409,
    title: "The order has expired",
    explain:
      "Its time to pay has passed and its units went back on sale. Place a new order. Money that arrives late is either matched with a unit again or refunded.",
  },
  order_state: {
    status: 409,
    title: "Not in this state",
    explain: "The order's present state does not allow this. Read the order.",
  },
  payment_in_progress: {
    status: 409,
    title: "A payment is in progress",
    explain: "An order has one payment at a time. Finish this one, or wait until it has failed.",
  },
  insufficient_stock: {
    status: 409,
    title: "Not that many are available",
    explain: "Only units that nobody holds or owns can be taken out of stock.",
  },
  refund_exceeds_captured: {
    status: 409,
    title: "More than is left to refund",
    explain: "Refunds of an order, pending ones included, never add up to more than was captured.",
  },
  idempotency_in_flight: {
    status: 409,
    title: "The first request with this key is still running",
    explain: "Repeat it after `Retry-After` seconds with the same key: you get its answer.",
    retryAfter: 1,
  },
  body_too_large: { status: 413, title: "The body is too large", explain: "Bodies are at most 64 KiB." },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported media type",
    explain: "Send `Content-Type: application/json`.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "The key was used with another body",
    explain: "An `Idempotency-Key` belongs to one request. Use a fresh one for a different request.",
  },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    explain: "Slow down and repeat after `Retry-After` seconds.",
    retryAfter: 10,
  },
  internal_error: {
    status: 500,
    title: "Something broke",
    explain:
      "A defect of ours. Nothing you were not told about was changed; repeating with the same key is safe. Quote `request_id` to support.",
  },
  overloaded: {
    status: 503,
    title: "Too much at once",
    explain:
      "A part of the system is full or away for a moment. Repeat after `Retry-After` seconds with the same key.",
    retryAfter: 1,
  },
  provider_unavailable: {
    status: 503,
    title: "The payment provider does not answer",
    explain:
      "Whether it took the payment is being found out. Repeat after `Retry-After` seconds with the same key.",
    retryAfter: 5,
  },
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface FieldError {
  /** RFC 6901 pointer into the body, or `/query/…`, `/header/…`. */
  readonly pointer: string;
  readonly detail: string;
}

/** Why a request was refused. A value, until it reaches `problem`. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Whole seconds. */
  readonly retryAfter?: number;
}

export const isProblemCode = (code: string): code is ProblemCode => Object.hasOwn(PROBLEMS, code);

/** The body of a refusal, as RFC 9457 wants it, with our code, the request's id and when to try again. */
export function problemBody(c: Context<App>, refusal: Refusal) {
  const { status, title, explain, retryAfter: usual } = PROBLEMS[refusal.code] as Problem;
  const retryAfter = refusal.retryAfter ?? usual;
  const { path, url } = c.req;
  return {
    type: `${url.slice(0, url.indexOf("/", url.indexOf("//") + 2))}/problems/${refusal.code}`,
    title,
    status,
    detail: refusal.detail ?? explain,
    instance: path,
    code: refusal.code,
    request_id: c.get("requestId"),
    ...(refusal.errors && { errors: refusal.errors }),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
  };
}

/** A refusal fits any route: its type says nothing, so that every route's type keeps speaking of its success. */
export type ProblemResponse = Response & TypedResponse<never, never, never>;

/** Answers with a refusal. Never carries a stack, SQL or a secret: only what its maker put into words. */
export function problem(
  c: Context<App>,
  refusal: Refusal,
  headers?: Readonly<Record<string, string>>,
): ProblemResponse {
  const body = problemBody(c, refusal);
  c.set("logged", { ...c.get("logged"), problem: refusal.code });
  return reply(c, body, body.status, {
    "Content-Type": "application/problem+json; charset=UTF-8",
    ...(body.retry_after !== undefined && { "Retry-After": String(body.retry_after) }),
    ...headers,
  }) as ProblemResponse;
}
