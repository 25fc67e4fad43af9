import type { Order } from "../../schema/order.ts";
import { assert, err, ok, type Result } from "../../schema/result.ts";
import type { OrderStore } from "./store.ts";

/** What a key has made: a payment or a refund, and its order as it is now. */
interface Made {
  readonly order: Order;
  readonly id: string;
  readonly replayed: boolean;
}

/** What a key was first asked for is what it stands for: the same again is answered again, anything else is refused. */
export function once<Refusal>(
  store: Pick<OrderStore, "key" | "keep" | "load">,
  key: string,
  fingerprint: string,
  make: () => Result<string, Refusal>,
): Result<Made, Refusal | { code: "idempotency_key_reused" }> {
  const known = store.key(key);
  if (known && known.fingerprint !== fingerprint) return err({ code: "idempotency_key_reused" });
  const made = known ? ok(known.subject) : make();
  if (!made.ok) return made;
  if (!known) store.keep(key, fingerprint, made.value);
  const order = store.load();
  assert(order !== null, "an order that has made something is there");
  return ok({ order, id: made.value, replayed: known !== null });
}

/** @param id of what an order has made, which it keeps as long as it lives. */
export function kept<T extends { readonly id: string }>(all: readonly T[], id: string): T {
  const found = all.find((candidate) => candidate.id === id);
  assert(found !== undefined, "what an order has made is kept");
  return found;
}
