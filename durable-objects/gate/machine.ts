import type { GateOffer, GateView } from "../../schema/actors.ts";
import type { SkuId } from "../../schema/ids.ts";
import { saleStateAt, type Sale, type SaleState } from "../../schema/sale.ts";
import { stockStateOf, type SkuView, type StockState } from "../../schema/sku.ts";

/**
 * Between two looks at the stock while pages watch. Every second then has three pushes of a SKU, and the one that a
 * page gets when it connects: four.
 */
export const PUSH_GAP_MS = 334;
/** After closing only holds that are still open can change anything. */
const AFTERMATH_GAP_MS = 5_000;
const AFTERMATH_MS = 60_000;
/** So long before the opening the gate wakes: pages see the true stock, and the opening is told to the millisecond. */
export const WARM_UP_MS = 60_000;
/** Pages tell a quiet sale from a dead line by this, and set their clocks by it. */
const HEARTBEAT_MS = 15_000;

/** Gates before a SKU with a crowd, where the merchant has not said how many: enough for a few thousand presses a second. */
const CROWD_GATES = 4;

/** What a SKU last said of itself. */
export interface Figures {
  readonly available: number;
  readonly held: number;
  readonly sold: number;
  readonly state: StockState;
  readonly crowded: boolean;
  /** Epoch ms. */
  readonly at: number;
}

export type Known = ReadonlyMap<SkuId, Figures>;

/** A SKU that has never answered: nothing is free that we know of, and nothing is known to be gone. */
const UNHEARD: Figures = { available: 0, held: 0, sold: 0, state: "held_out", crowded: false, at: 0 };

export const figuresOf = (view: SkuView, at: number): Figures => ({
  available: view.available,
  held: view.held,
  sold: view.sold,
  state: stockStateOf(view),
  crowded: view.crowded,
  at,
});

export const viewOf = (sale: Sale, known: Known, now: number): GateView => ({
  sale,
  state: saleStateAt(sale, now),
  serverTime: now,
  offers: sale.offers.map((offer): GateOffer => {
    const { crowded, ...figures } = known.get(offer.sku) ?? UNHEARD;
    return { ...offer, ...figures, gates: offer.gates ?? (crowded ? CROWD_GATES : 0) };
  }),
});

/** When to look next: after a wait, or asleep until an instant; `until: null` is for good. */
export type Pace = { awake: true; waitMs: number } | { awake: false; until: number | null };

export function paceOf(sale: Sale, now: number): Pace {
  const warmAt = sale.opensAt - WARM_UP_MS;
  if (now < warmAt) return { awake: false, until: warmAt };
  if (now < sale.opensAt) return { awake: true, waitMs: Math.min(PUSH_GAP_MS, sale.opensAt - now) };
  if (now < sale.closesAt) return { awake: true, waitMs: Math.min(PUSH_GAP_MS, sale.closesAt - now) };
  if (now < sale.closesAt + sale.holdMs + AFTERMATH_MS) return { awake: true, waitMs: AFTERMATH_GAP_MS };
  return { awake: false, until: null };
}

export type Push =
  | {
      type: "stock";
      sku: SkuId;
      available: number;
      held: number;
      sold: number;
      state: StockState;
      at: string;
    }
  | { type: "sale"; state: SaleState; server_time: string };

/** What all pages have been told. */
export interface Told {
  readonly stock: Known;
  readonly stockAt: number;
  readonly sale: { readonly state: SaleState; readonly at: number } | null;
}

export const TOLD_NOTHING: Told = { stock: new Map(), stockAt: -Infinity, sale: null };

/**
 * What pages have to hear beyond what they were told, and what they then have been told. A change that comes too soon
 * after the last waits for the next look, which shows the newest.
 */
export function tell(told: Told, sale: Sale, known: Known, now: number): { told: Told; pushes: Push[] } {
  const pushes: Push[] = [];
  const state = saleStateAt(sale, now);
  const beat = told.sale === null || told.sale.state !== state || now - told.sale.at >= HEARTBEAT_MS;
  if (beat) pushes.push(salePush(state, now));

  const stock = new Map(told.stock);
  if (now - told.stockAt >= PUSH_GAP_MS)
    for (const { sku } of sale.offers) {
      const figures = known.get(sku);
      if (!figures || sameFigures(figures, told.stock.get(sku))) continue;
      stock.set(sku, figures);
      pushes.push(stockPush(sku, figures));
    }
  const stockAt = pushes.length > (beat ? 1 : 0) ? now : told.stockAt;
  return { told: { stock, stockAt, sale: beat ? { state, at: now } : told.sale }, pushes };
}

/** What a page hears when it connects: all there is to know. */
export function greet(sale: Sale, known: Known, now: number): Push[] {
  const stock = sale.offers.flatMap(({ sku }) => {
    const figures = known.get(sku);
    return figures ? [stockPush(sku, figures)] : [];
  });
  return [salePush(saleStateAt(sale, now), now), ...stock];
}

// oxlint-disable-next-line no-restricted-globals -- writing an instant down is not asking for the time
const iso = (at: number): string => new Date(at).toISOString();
const salePush = (state: SaleState, now: number): Push => ({ type: "sale", state, server_time: iso(now) });
const stockPush = (sku: SkuId, { available, held, sold, state, at }: Figures): Push => ({
  type: "stock",
  sku,
  available,
  held,
  sold,
  state,
  at: iso(at),
});

const sameFigures = (a: Figures, b: Figures | undefined): boolean =>
  a.available === b?.available && a.held === b.held && a.sold === b.sold && a.state === b.state;
