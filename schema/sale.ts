import type { SaleId, SkuId } from "./ids.ts";
import type { Money } from "./money.ts";

export type SaleState = "upcoming" | "open" | "closed";

/** A SKU as its sale offers it. */
export interface Offer {
  readonly sku: SkuId;
  readonly name: string;
  readonly price: Money;
  readonly image: string | null;
  /** Gates that pool the requests for this SKU; 0: none. Absent: as many as its crowd needs. */
  readonly gates?: number;
}

/** A sale as merchants define it. Instants are epoch milliseconds of the server's clock. */
export interface Sale {
  readonly id: SaleId;
  readonly name: string;
  readonly opensAt: number;
  readonly closesAt: number;
  /** Most units of each SKU that one buyer may hold or own. */
  readonly perBuyerMax: number;
  readonly holdMs: number;
  readonly offers: readonly Offer[];
  /** The receiving account of each provider; what it does not name is the main one. */
  readonly accounts?: Readonly<Record<string, string>>;
}

/** The window is half open: the first millisecond of `closesAt` is too late. */
export function saleStateAt(sale: Pick<Sale, "opensAt" | "closesAt">, now: number): SaleState {
  if (now < sale.opensAt) return "upcoming";
  return now < sale.closesAt ? "open" : "closed";
}
