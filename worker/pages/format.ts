import type { Money } from "../../schema/money.ts";
import type { Language } from "../app-env.ts";
import { en, type Dictionary } from "./i18n/en.ts";
import { zh } from "./i18n/zh.ts";

const DICTIONARIES: Record<Language, Dictionary> = { en, zh };

export const dictionaryOf = (lang: Language): Dictionary => DICTIONARIES[lang];

/** Puts values into a sentence: `fill("Only {n} left", { n: 3 })`. */
export const fill = (sentence: string, values: Record<string, string | number>): string =>
  sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** Minor units to what people read. How many digits a currency has is Intl's to know. */
export function moneyText(t: Dictionary, { amount, currency }: Money): string {
  const format = new Intl.NumberFormat(t.locale, { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}

/** An instant in UTC, and says so; with JavaScript the page writes it in the reader's own zone. */
export const timeText = (t: Dictionary, at: number): string =>
  new Intl.DateTimeFormat(t.locale, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZone: "UTC",
    timeZoneName: "short",
  }).format(at);

const unitText = (t: Dictionary, unit: string, value: number): string =>
  new Intl.NumberFormat(t.locale, { style: "unit", unit, unitDisplay: "long" }).format(value);

/** How long a hold lasts: whole minutes when it is whole minutes. */
export function durationText(t: Dictionary, ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  const parts = [];
  if (seconds >= 60) parts.push(unitText(t, "minute", Math.floor(seconds / 60)));
  if (seconds % 60 > 0) parts.push(unitText(t, "second", seconds % 60));
  return parts.join(" ");
}

const two = (value: number): string => String(value).padStart(2, "0");

/** What is left of a wait, as the page's clock writes it on. */
export function leftText(t: Dictionary, leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1_000));
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor((seconds % 86_400) / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60]
    .map(two)
    .join(":");
  return days > 0 ? `${days} ${t.days} ${clock}` : clock;
}
