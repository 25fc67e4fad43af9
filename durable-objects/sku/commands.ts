import type { BuyerId, OrderId } from "../../schema/ids.ts";
import type { Result } from "../../schema/result.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  HoldAnswer,
  HoldRequest,
  KeyAnswer,
  KeyRequest,
  MoveAnswer,
  ReleaseReason,
  RestockAnswer,
  RestockRequest,
  SkuConfig,
  StockMove,
} from "../../schema/sku.ts";

/** Everything that can be asked of a SKU's machine. */
export type SkuCommand =
  | { type: "configure"; config: SkuConfig; stock: number }
  | { type: "hold"; request: HoldRequest }
  | { type: "claim"; request: ClaimRequest }
  | { type: "commit"; move: StockMove }
  | { type: "release"; move: StockMove; reason: ReleaseReason }
  | { type: "retake"; move: StockMove; until: number }
  | { type: "restock"; request: RestockRequest }
  | { type: "bind"; request: KeyRequest }
  | { type: "unbind"; buyer: BuyerId; key: string; order: OrderId }
  /** Somebody asks about an order, or about all that a buyer has: what is over of it ends now. */
  | { type: "look"; order: OrderId }
  | { type: "look"; buyer: BuyerId };

/** What each command is answered with. A view of the SKU is added by whoever knows the journal's number. */
export interface SkuAnswers {
  configure: Result<null, { code: "other_sku" | "other_sale" }>;
  hold: HoldAnswer;
  claim: ClaimAnswer;
  commit: MoveAnswer;
  release: MoveAnswer;
  retake: MoveAnswer;
  restock: Result<{ replayed: boolean }, Extract<RestockAnswer, { ok: false }>["error"]>;
  bind: KeyAnswer;
  unbind: Result<null, never>;
  look: Result<null, never>;
}
export type SkuAnswer = SkuAnswers[SkuCommand["type"]];
