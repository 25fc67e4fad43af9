import { unzipSync } from "fflate";
import { rowsOf, yuanRow } from "../bill.ts";
import type { BillRow } from "../port.ts";

/** Bytes of a bill once it is unpacked: a small file may claim to be a large one. */
const UNPACKED_BYTES_MAX = 32 * 1_048_576;
const NAMES = "支付宝交易号";

/** The payments and refunds of a trade bill, by our numbers: a ZIP of tables in GBK, of which one is a summary. */
export function readBill(zip: Uint8Array): BillRow[] {
  const files = unzipSync(zip, { filter: ({ originalSize }) => originalSize <= UNPACKED_BYTES_MAX });
  return Object.values(files).flatMap((file) => {
    const lines = new TextDecoder("gb18030").decode(file).split(/\r?\n/);
    const from = lines.findIndex((line) => line.startsWith(NAMES));
    return from < 0 || !lines[from]?.includes("业务类型") ? [] : readTable(lines.slice(from));
  });
}

function readTable(lines: readonly string[]): BillRow[] {
  const rows = rowsOf(
    lines,
    (line) => line.split(","),
    (line) => line.startsWith("#"),
  );
  return rows.flatMap((row) => {
    const of = (name: string): string => row.get(name) ?? "";
    const isRefund = of("业务类型") === "退款";
    const read = isRefund
      ? yuanRow("refund", of("退款批次号/请求号"), of("订单金额（元）"))
      : yuanRow("payment", of("商户订单号"), of("订单金额（元）"));
    return read ? [read] : [];
  });
}
