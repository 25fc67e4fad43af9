import { moneyOf } from "./decimal.ts";
import type { BillRow } from "./port.ts";

/** Rows of one bill. A merchant with more has to split the day by accounts. */
export const BILL_ROWS_MAX = 50_000;

/** A table whose first line names its columns. */
export type Row = ReadonlyMap<string, string>;

/**
 * The rows of a provider's bill as text: lines of values, the first of which are names. What stands before the names, and what
 * `isEnd` says is a summary, is left out.
 *
 * @throws when there are more rows than anybody can look at in one go.
 */
export function rowsOf(
  lines: readonly string[],
  split: (line: string) => string[],
  isEnd: (line: string) => boolean,
): Row[] {
  const [head = "", ...rest] = lines;
  const names = split(head);
  const end = rest.findIndex(isEnd);
  const body = (end < 0 ? rest : rest.slice(0, end)).filter((line) => line.trim() !== "");
  if (body.length > BILL_ROWS_MAX) throw new Error(`the bill has more than ${BILL_ROWS_MAX} rows`);
  return body.map((line) => new Map(split(line).map((value, at) => [names[at] ?? "", value.trim()])));
}

/** Yuan of a bill, whatever its sign, as a row; null when the row has none. */
export function yuanRow(kind: BillRow["kind"], reference: string, yuan: string): BillRow | null {
  const [whole = "", part = ""] = yuan.replace("-", "").split(".");
  const amount = moneyOf(`${whole}.${part.padEnd(2, "0")}`, "CNY");
  return amount && amount.amount > 0 ? { kind, reference, amount } : null;
}
