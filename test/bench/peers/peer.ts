import type { Placement } from "../../../schema/order.ts";

/** One hold, as every peer is asked for it. */
export interface PeerHold {
  readonly placement: Placement;
  readonly quantity: number;
  readonly key: string;
  readonly fingerprint: string;
  readonly holdMs: number;
  readonly perBuyerMax: number;
}

export type PeerAnswer =
  | { code: "held" | "replayed"; placement: Placement }
  | { code: "sold_out" | "purchase_limit" | "idempotency_key_reused" };

/** A way to sell stock that others use: durable before it answers, with the semantics of a SKU. */
export interface Peer {
  /** Starts anew with so many units. */
  reset(stock: number): Promise<void>;
  hold(hold: PeerHold): Promise<PeerAnswer>;
  /** As many as a pipeline carries at once. */
  holdMany(holds: readonly PeerHold[]): Promise<PeerAnswer[]>;
  stop(): Promise<void>;
}

export const PEERS = [
  "redis-always",
  "redis-everysec",
  "pg-for-update",
  "pg-version",
  "pg-skip-locked",
] as const;
export type PeerName = (typeof PEERS)[number];
