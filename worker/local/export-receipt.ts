import { createHash } from "node:crypto";
import type { Client, OrderBody } from "./client.ts";

interface SaleBody {
  readonly id: string;
  readonly skus: readonly { readonly sku: string }[];
}
interface Page<T> {
  readonly data: readonly T[];
}

/** The first `hash` of a receipt's lines. */
const ROOT_HASH = "0".repeat(64);

/**
 * Everything that proves how a sale went, line by line: the sale, the journals of its SKUs and the histories of its orders as they
 * stand on disk, its orders, and what the test bank says about each payment. Each line is a hash over the line before and itself, a space, and JSON, so that
 * whoever changes a byte changes every line after it.
 */
export async function* receiptOf(client: Client, sale: string): AsyncGenerator<string> {
  let hash = ROOT_HASH;
  let lines = 0;
  const line = (facts: Record<string, unknown>): string => {
    const json = JSON.stringify(facts);
    hash = createHash("sha256").update(hash).update(json).digest("hex");
    lines++;
    return `${hash} ${json}`;
  };
  const known = await client.admin<SaleBody>(`/v1/sales/${sale}`);
  yield line({ kind: "sale", madeAt: new Date().toISOString(), ...known });
  for (const { sku } of known.skus) {
    let after = 0;
    for (;;) {
      const { data } = await client.admin<Page<{ seq: number }>>(
        `/v1/admin/skus/${sku}/journal?after=${after}`,
      );
      for (const row of data) yield line({ kind: "row", sku, ...row });
      const last = data.at(-1);
      if (!last) break;
      after = last.seq;
    }
  }
  const orders: OrderBody[] = await client.orders(sale);
  for (const order of orders.toReversed()) {
    for await (const row of historyOf(client, order)) yield line({ kind: "entry", order: order.id, row });
    yield line({ kind: "order", ...order });
  }
  yield* statement(client, line);
  yield line({ kind: "end", lines: lines + 1 });
}

/** What happened to an order; nothing where nothing ever did, which its state tells. */
async function* historyOf(client: Client, { id, reason, payments }: OrderBody): AsyncGenerator<unknown> {
  if (payments.length === 0 && reason !== "cancelled") return;
  for (let after = 0; ;) {
    const { data } = await client.admin<Page<{ seq: number }>>(
      `/v1/admin/orders/${id}/history?after=${after}`,
    );
    yield* data;
    const last = data.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

/** What the bank says; nothing where there is no such bank. */
async function* statement(
  client: Client,
  line: (facts: Record<string, unknown>) => string,
): AsyncGenerator<string> {
  let after = "";
  for (;;) {
    const { data = [] } = await client.admin<Partial<Page<{ id: string }>>>(
      `/sandbox/v1/statement?after=${after}`,
    );
    for (const payment of data) yield line({ kind: "payment", ...payment });
    const last = data.at(-1);
    if (!last) return;
    after = last.id;
  }
}
