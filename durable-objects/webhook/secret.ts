import { createHmac } from "node:crypto";
import type { Endpoint } from "../../schema/webhook.ts";

/** For so long after a rotation the secret before signs as well. */
const OVERLAP_MS = 86_400_000;

/**
 * The secret of one generation of an endpoint, `whsec_` and base64 of 32 bytes. It follows from the deployment's own secret, so
 * that no table holds it and whoever reads D1 can sign nothing.
 */
export const secretOf = (master: string, endpoint: string, generation: number): string =>
  `whsec_${createHmac("sha256", master).update(`webhook ${endpoint} ${generation}`).digest("base64")}`;

/** The secrets that sign now, the newest first. */
export function secretsOf(
  master: string,
  { id, generation, rotatedAt }: Pick<Endpoint, "id" | "generation" | "rotatedAt">,
  now: number,
): string[] {
  const newest = secretOf(master, id, generation);
  return generation > 1 && now < rotatedAt + OVERLAP_MS
    ? [newest, secretOf(master, id, generation - 1)]
    : [newest];
}
