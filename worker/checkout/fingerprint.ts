import { createHash } from "node:crypto";
import type { SaleId, SkuId } from "../../schema/ids.ts";

const HASH_CHARS = 32;

/**
 * What an idempotency key was used with: a hash of the meaning of a request, so that spaces and the order of
 * fields in its JSON make no difference. Callers pass fields in one fixed order.
 */
export const fingerprintOf = (...meaning: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(meaning)).digest("hex").slice(0, HASH_CHARS);

/** An order's meaning is its own fingerprint while it is as short as a hash: nearly every order of a rush is, and needs none. */
export function orderFingerprintOf(
  sale: SaleId,
  lines: readonly { readonly sku: SkuId; readonly quantity: number }[],
): string {
  const meaning = `${sale}:${lines.map(({ sku, quantity }) => `${quantity}*${sku}`).join("+")}`;
  return meaning.length <= HASH_CHARS ? meaning : fingerprintOf(meaning);
}
