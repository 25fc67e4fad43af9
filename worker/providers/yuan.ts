import { money, type Money } from "../../schema/money.ts";

/** `12.3` yuan as fen, or null. By digits: a float has no place in money. */
export function fenOf(yuan: string): Money | null {
  const [, whole, tenths = "", hundredths = ""] = /^(\d{1,12})(?:\.(\d)(\d)?)?$/.exec(yuan) ?? [];
  if (whole === undefined) return null;
  return money(Number(whole) * 100 + Number(`${tenths || 0}${hundredths || 0}`), "CNY");
}

/** @param amount of fen. */
export const yuanOf = ({ amount }: Money): string =>
  `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, "0")}`;

const BEIJING_MS = 8 * 3_600_000;

/** An instant as the clocks in Beijing show it, `yyyy-MM-dd HH:mm:ss`, which is the only time zone of both wallets. */
export const beijingTime = (at: number): string =>
  new Date(at + BEIJING_MS).toISOString().slice(0, 19).replace("T", " ");

/** The other way round, epoch ms; NaN for what is no such time. */
export const fromBeijingTime = (text: string): number =>
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text) ? Date.parse(`${text.replace(" ", "T")}+08:00`) : Number.NaN;
