import { Pool } from "../../durable-objects/gate/pool.ts";
import { assertSound } from "../../durable-objects/sku/views.ts";
import type { SkuApi } from "../../schema/actors.ts";
import type { SkuNumber } from "../../schema/ids.ts";
import type { MoveAnswer, Release, ReleaseReason, StockMove } from "../../schema/sku.ts";
import { skuActor } from "../actors.ts";

/** The stock moves of one batch of messages: those that come together go to their SKU in one call, and each has its own answer. */
export class StockMoves {
  readonly #env: Env;
  readonly #commits = new Map<SkuNumber, Pool<StockMove, MoveAnswer>>();
  readonly #releases = new Map<SkuNumber, Pool<Release, MoveAnswer>>();

  constructor(env: Env) {
    this.#env = env;
  }

  async commit(sku: SkuNumber, move: StockMove): Promise<MoveAnswer> {
    const pool = poolOf(this.#commits, sku, (moves: readonly StockMove[]) =>
      this.#skuOf(sku).commitMany(moves),
    );
    return pool.ask(move);
  }

  async release(sku: SkuNumber, move: StockMove, reason: ReleaseReason): Promise<MoveAnswer> {
    // A batch that is not sound is refused as a whole: what is not stays away from the others.
    assertSound({ type: "release", move, reason });
    const pool = poolOf(this.#releases, sku, (releases: readonly Release[]) =>
      this.#skuOf(sku).releaseMany(releases),
    );
    return pool.ask({ move, reason });
  }

  /** Nobody else can want the very same units: there is nothing to wait for. */
  async retake(sku: SkuNumber, move: StockMove, until: number): Promise<MoveAnswer> {
    return this.#skuOf(sku).retake(move, until);
  }

  #skuOf(sku: SkuNumber): SkuApi {
    return skuActor(this.#env, sku);
  }
}

function poolOf<Asked>(
  pools: Map<SkuNumber, Pool<Asked, MoveAnswer>>,
  sku: SkuNumber,
  askAll: (batch: readonly Asked[]) => Promise<readonly MoveAnswer[]>,
): Pool<Asked, MoveAnswer> {
  let pool = pools.get(sku);
  if (!pool) pools.set(sku, (pool = new Pool(askAll)));
  return pool;
}
