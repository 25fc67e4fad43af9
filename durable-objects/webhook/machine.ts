const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Waits between tries, as Standard Webhooks suggests: three days in all. */
export const RETRY_MS = [
  5_000,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  20 * HOUR_MS,
] as const;
/** What failed together comes back apart: a wait is longer by up to this part of it. */
const JITTER = 0.1;
/** A receiver that says when it wants to hear again is believed up to here. */
const RETRY_AFTER_MS_MAX = HOUR_MS;

/** How an attempt ended: a status, or why there was none. */
export type Attempt =
  | { readonly status: number; readonly retryAfterMs: number | null }
  | { readonly failure: string };

export type Verdict =
  | { readonly kind: "delivered" }
  | { readonly kind: "again"; readonly at: number }
  /** Nobody is asked again; `gone`: the receiver wants to hear nothing more at all. */
  | { readonly kind: "failed"; readonly gone: boolean };

/**
 * What becomes of a delivery. Only a 2xx is one; a redirect is not followed; 410 ends the endpoint.
 *
 * @param tries how many were made, this one included.
 * @param chance from 0 to 1.
 */
export function judge(attempt: Attempt, tries: number, now: number, chance: number): Verdict {
  if ("status" in attempt) {
    if (attempt.status >= 200 && attempt.status < 300) return { kind: "delivered" };
    if (attempt.status === 410) return { kind: "failed", gone: true };
  }
  const wait = RETRY_MS[tries - 1];
  if (wait === undefined) return { kind: "failed", gone: false };
  const asked = "status" in attempt ? (attempt.retryAfterMs ?? 0) : 0;
  return {
    kind: "again",
    at: now + Math.max(wait * (1 + JITTER * chance), Math.min(asked, RETRY_AFTER_MS_MAX)),
  };
}
