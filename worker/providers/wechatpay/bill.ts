import { rowsOf, yuanRow } from "../bill.ts";
import type { BillRow } from "../port.ts";

/** Before each value, so that spreadsheets leave it alone. */
const MARK = "`";
const SUMMARY = "总交易单数";

/** True when the text is what WeChat Pay's signed answer spoke of: the download itself is not signed. */
export async function isWhole(bill: Uint8Array<ArrayBuffer>, sha1: string): Promise<boolean> {
  const digest = await crypto.subtle.digest("SHA-1", bill);
  return Buffer.from(digest).toString("hex") === sha1.toLowerCase();
}

/** The payments and refunds of a trade bill (`bill_type=ALL`), by our numbers. */
export function readBill(text: string): BillRow[] {
  const lines = text.replace("\uFEFF", "").split(/\r?\n/);
  const split = (line: string): string[] =>
    line.startsWith(MARK) ? line.slice(1).split(`,${MARK}`) : line.split(",");
  return rowsOf(lines, split, (line) => line.startsWith(SUMMARY)).flatMap((row) => {
    const of = (name: string): string => row.get(name) ?? "";
    const isRefund = of("交易状态") === "REFUND";
    const read = isRefund
      ? yuanRow("refund", of("商户退款单号"), of("申请退款金额") || of("退款金额"))
      : yuanRow("payment", of("商户订单号"), of("订单金额") || of("应结订单金额"));
    return read ? [read] : [];
  });
}
