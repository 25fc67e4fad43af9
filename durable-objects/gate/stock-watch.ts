import type { SkuApi } from "../../schema/actors.ts";
import { skuNumberOf, type SkuId } from "../../schema/ids.ts";
import { logError } from "../log.ts";
import { figuresOf, type Figures, type Known } from "./machine.ts";

/** A SKU is asked at most four times a second, however many pages want to know. */
const FRESH_MS = 250;
/** A SKU that takes longer is shown as it last was; its answer still counts when it comes. */
const ASK_MS_MAX = 2_000;

/**
 * What the SKUs of a sale last said. Callers of one moment share one question. A SKU that cannot be asked keeps its last
 * figures with the time they are from.
 */
export class StockWatch {
  readonly #namespace: () => DurableObjectNamespace;
  readonly #known = new Map<SkuId, Figures>();
  readonly #askedAt = new Map<SkuId, number>();
  readonly #asking = new Map<SkuId, Promise<void>>();

  constructor(namespace: () => DurableObjectNamespace) {
    this.#namespace = namespace;
  }

  get known(): Known {
    return this.#known;
  }

  /** Waits for the answers of all SKUs, but never longer than `waitMs`. */
  async refresh(skus: readonly SkuId[], waitMs: number = ASK_MS_MAX): Promise<void> {
    const answers = Promise.all(skus.map((sku) => this.#refreshOne(sku)));
    await Promise.race([answers, scheduler.wait(waitMs)]);
  }

  #refreshOne(sku: SkuId): Promise<void> {
    const running = this.#asking.get(sku);
    if (running) return running;
    if (Date.now() - (this.#askedAt.get(sku) ?? -Infinity) < FRESH_MS) return Promise.resolve();
    this.#askedAt.set(sku, Date.now());
    const asking = this.#ask(sku).finally(() => this.#asking.delete(sku));
    this.#asking.set(sku, asking);
    return asking;
  }

  async #ask(sku: SkuId): Promise<void> {
    try {
      const actor = this.#namespace().getByName(skuNumberOf(sku)) as unknown as SkuApi;
      const view = await actor.view();
      if (view) this.#known.set(sku, figuresOf(view, Date.now()));
    } catch (cause) {
      logError({ event: "sku_not_answering", sku }, cause);
    }
  }
}
