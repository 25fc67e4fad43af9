import { DurableObject } from "cloudflare:workers";
import type { TurnstileApi } from "../../schema/actors.ts";
import { enter } from "./machine.ts";
import { TurnstileStore } from "./store.ts";

/** A line shorter than this may be forgotten with the memory of the object: its people come a moment early. */
const FORGETTABLE_MS = 1_000;

/** Stands before one receiving account at a provider, which takes only so many new payments a second. */
export class TurnstileActor extends DurableObject<Env> implements TurnstileApi {
  readonly #store: TurnstileStore;
  #nextAt: number;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new TurnstileStore(ctx.storage);
    this.#nextAt = this.#store.load();
  }

  async enter(perSecond: number): Promise<number | null> {
    const now = Date.now();
    const entered = enter(this.#nextAt, perSecond, now);
    if (!entered) return null;
    this.#nextAt = entered.nextAt;
    if (entered.nextAt - now > FORGETTABLE_MS) this.#store.save(entered.nextAt);
    return entered.at;
  }
}
