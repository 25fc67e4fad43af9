import { createHash } from "node:crypto";

/**
 * What an idempotency key was used with: a hash of the meaning of a request, so that spaces and the order of
 * fields in its JSON make no difference. Callers pass fields in one fixed order.
 */
export const fingerprintOf = (...meaning: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(meaning)).digest("hex").slice(0, 32);
