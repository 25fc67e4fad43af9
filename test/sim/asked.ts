import type { SkuAnswers, SkuCommand } from "../../durable-objects/sku/commands.ts";
import type { OrderId, SkuNumber } from "../../schema/ids.ts";
import type {
  CancelAnswer,
  Order,
  Placement,
  RefundAnswer,
  RefundRequest,
  Report,
  StartAnswer,
  StartRequest,
} from "../../schema/order.ts";
import { ok } from "../../schema/result.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  HoldAnswer,
  HoldRequest,
  HoldView,
  KeyAnswer,
  KeyRequest,
  MoveAnswer,
  Release,
  ReleaseReason,
  RestockRequest,
  SkuView,
  StockMove,
} from "../../schema/sku.ts";
import type { SoldOut } from "../../schema/sold-out.ts";
import type { SkuAuditor } from "./audit.ts";
import type { Calls } from "./calls.ts";
import type { Flow } from "./flow.ts";
import type { OrderObject } from "./order-object.ts";
import type { SkuObject } from "./sku-object.ts";
import type { Seen } from "./sometimes.ts";

/** Parties before this one are SKUs, those from here on buyers. */
const BUYERS_FROM = 10;

const partyOfBuyer = (buyer: string): number => BUYERS_FROM + Number(buyer.slice(1));

/** As much of a world as its calls need. */
export interface Callable {
  readonly calls: Calls;
  readonly seen: Seen;
  readonly parties: Map<OrderId, number>;
  readonly auditors: ReadonlyMap<SkuNumber, SkuAuditor>;
  partyOf(order: OrderId): number;
}

/** A SKU's object, called through everything that may go wrong. */
export class AskedSku {
  readonly #world: Callable;
  readonly #sku: SkuObject;
  readonly #repeats: boolean;

  constructor(world: Callable, sku: SkuObject, repeats: boolean) {
    this.#world = world;
    this.#sku = sku;
    this.#repeats = repeats;
  }

  hold(request: HoldRequest): Flow<HoldAnswer> {
    return this.#call(this.#know(request), (sku) => this.#heard(sku.ask({ type: "hold", request })));
  }

  holdMany(requests: readonly HoldRequest[]): Flow<HoldAnswer[]> {
    const parties = requests.map((request) => this.#know(request));
    if (requests.length > 1) this.#world.seen.see("pooled");
    return this.#askAll(
      parties[0] ?? 0,
      requests.map((request) => ({ type: "hold", request })),
    );
  }

  claim(request: ClaimRequest): Flow<ClaimAnswer> {
    return this.#callOf(request, (sku) => {
      const answer = sku.ask({ type: "claim", request });
      if (!answer.ok) this.#world.seen.see("hold_gone");
      return answer;
    });
  }

  claimMany(requests: readonly ClaimRequest[]): Flow<ClaimAnswer[]> {
    return this.#askAll(
      this.#world.partyOf((requests[0] as ClaimRequest).order),
      requests.map((request) => ({ type: "claim", request })),
    );
  }

  commit(move: StockMove): Flow<MoveAnswer> {
    return this.#callOf(move, (sku) => sku.ask({ type: "commit", move }));
  }

  commitMany(moves: readonly StockMove[]): Flow<MoveAnswer[]> {
    return this.#askAll(
      this.#world.partyOf((moves[0] as StockMove).order),
      moves.map((move) => ({ type: "commit", move })),
    );
  }

  release(move: StockMove, reason: ReleaseReason): Flow<MoveAnswer> {
    return this.#callOf(move, (sku) => {
      if (reason === "superseded") this.#world.seen.see("superseded");
      const answer = sku.ask({ type: "release", move, reason });
      this.#let(move, answer);
      return answer;
    });
  }

  releaseMany(releases: readonly Release[]): Flow<MoveAnswer[]> {
    return this.#callOf((releases[0] as Release).move, (sku) => {
      const commands = releases.map(({ move, reason }) => ({ type: "release", move, reason }) as const);
      const answers = sku.askAll(commands) as MoveAnswer[];
      for (const [at, { move }] of releases.entries()) this.#let(move, answers[at]);
      return answers;
    });
  }

  retake(move: StockMove, until: number): Flow<MoveAnswer> {
    return this.#callOf(move, (sku) => sku.ask({ type: "retake", move, until }));
  }

  restock(request: RestockRequest): Flow<SkuAnswers["restock"]> {
    return this.#call(0, (sku) => {
      const answer = sku.ask({ type: "restock", request });
      return answer.ok ? ok({ view: sku.view(), replayed: answer.value.replayed }) : answer;
    });
  }

  bindKey(request: KeyRequest): Flow<KeyAnswer> {
    return this.#call(partyOfBuyer(request.buyer), (sku) => sku.ask({ type: "bind", request }));
  }

  unbindKey(request: { buyer: string; key: string; order: OrderId }): Flow<void> {
    return this.#call(partyOfBuyer(request.buyer), (sku) => void sku.ask({ type: "unbind", ...request }));
  }

  find(order: OrderId): Flow<HoldView | null> {
    return this.#callOf({ order }, (sku) => sku.find(order));
  }

  view(): Flow<SkuView | null> {
    return this.#call(0, (sku) => sku.view());
  }

  soldOut(): Flow<SoldOut | null> {
    return this.#call(0, (sku) => sku.soldOut());
  }

  published(after: number, through: number): Flow<void> {
    return this.#call(0, (sku) => sku.publishedThrough(after, through));
  }

  /** Whoever is told that units were let go may rely on it. */
  #let({ order, take }: StockMove, answer: MoveAnswer | undefined): void {
    if (answer?.ok && answer.value === "released")
      this.#world.auditors.get(this.#sku.number)?.letGo(order, take);
  }

  #know({ order, buyer }: HoldRequest): number {
    const party = partyOfBuyer(buyer);
    this.#world.parties.set(order, party);
    return party;
  }

  #heard(answer: SkuAnswers["hold"]): SkuAnswers["hold"] {
    if (answer.ok) return answer;
    const { code } = answer.error;
    if (code === "released") this.#world.seen.see("tombstone");
    if (code === "purchase_limit" && this.#sku.state.available === 1)
      this.#world.seen.see("limit_at_last_unit");
    return answer;
  }

  #askAll<Answer>(party: number, commands: readonly SkuCommand[]): Flow<Answer[]> {
    return this.#call(party, (sku) => sku.askAll(commands) as Answer[]);
  }

  #callOf<T>({ order }: { order: OrderId }, run: (sku: SkuObject) => T): Flow<T> {
    return this.#call(this.#world.partyOf(order), run);
  }

  #call<T>(party: number, run: (sku: SkuObject) => T): Flow<T> {
    const sku = this.#sku;
    return this.#world.calls.call(party, sku, () => run(sku), this.#repeats);
  }
}

/** An order's object, called the same way. */
export class AskedOrder {
  readonly #world: Callable;
  readonly #order: OrderObject;
  readonly #repeats: boolean;

  constructor(world: Callable, order: OrderObject, repeats: boolean) {
    this.#world = world;
    this.#order = order;
    this.#repeats = repeats;
  }

  view(): Flow<Order | null> {
    return this.#call((order) => order.view());
  }

  start(request: StartRequest): Flow<StartAnswer> {
    return this.#call((order) => order.start(request));
  }

  cancel(placement: Placement): Flow<CancelAnswer> {
    return this.#call((order) => order.cancel(placement));
  }

  refund(request: RefundRequest): Flow<RefundAnswer> {
    return this.#call((order) => order.refund(request));
  }

  report(reports: readonly Report[], settles: string | null = null): Flow<Order | null> {
    return this.#call((order) => order.report(reports, settles));
  }

  #call<T>(run: (order: OrderObject) => T): Flow<T> {
    const order = this.#order;
    return this.#world.calls.call(this.#world.partyOf(order.id), order, () => run(order), this.#repeats);
  }
}
