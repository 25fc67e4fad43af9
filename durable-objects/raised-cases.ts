import type { EffectMessage } from "../schema/messages.ts";
import type { Case } from "../schema/order.ts";
import type { RuleBroken } from "../schema/result.ts";
import { logError } from "./log.ts";

/** A case is sent by the alarm, so that it is told even if this instance ends now. */
const TELL_MS = 1_000;
/** While the queue is down it is tried again so often. */
const TELL_AGAIN_MS = 30_000;
const PREFIX = "case:";

const DAY_CHARS = "2026-11-25".length;

/** What people are told of a commit that was refused: one case a day for each rule of each actor, however often it is broken. */
export function refusedCommit(subject: string, cause: RuleBroken, now: number, order: Case["order"]): Case {
  const [rule = ""] = cause.message.replace(/^assertion failed: /, "").split(":");
  const day = new Date(now).toISOString().slice(0, DAY_CHARS);
  return {
    id: `rule_broken:${subject}:${rule.replaceAll(/[^A-Za-z0-9_]+/g, "-")}:${day}`,
    kind: "rule_broken",
    order,
    payment: null,
    detail: `a commit of ${subject} was refused: ${cause.message}`,
    openedAt: now,
  };
}

/**
 * Cases that an actor opens about itself, when its own state cannot be trusted to carry them. They are on disk until a queue
 * has taken them, apart from everything else that the actor keeps.
 */
export class RaisedCases {
  readonly #storage: DurableObjectStorage;
  readonly #queue: () => Env["EFFECTS"];

  constructor(storage: DurableObjectStorage, queue: () => Env["EFFECTS"]) {
    this.#storage = storage;
    this.#queue = queue;
  }

  /** Settles when it is on disk, and an alarm is set that sends it. */
  async raise(raised: Case): Promise<void> {
    this.#storage.kv.put(PREFIX + raised.id, raised);
    await this.#wakeIn(TELL_MS);
    await this.#storage.sync();
  }

  /** Whether the alarm still stands for a case. */
  get isWaiting(): boolean {
    return [...this.#storage.kv.list({ prefix: PREFIX, limit: 1 })].length > 0;
  }

  /** Hands over what waits. Never rejects: a later alarm tries again. */
  async send(): Promise<void> {
    try {
      const waiting = [...this.#storage.kv.list<Case>({ prefix: PREFIX })];
      for (const [key, raised] of waiting) {
        await this.#queue().send({ v: 1, type: "case_raised", case: raised } satisfies EffectMessage);
        this.#storage.kv.delete(key);
      }
    } catch (cause) {
      logError({ event: "case_not_sent" }, cause);
      await this.#wakeIn(TELL_AGAIN_MS);
    }
  }

  async #wakeIn(ms: number): Promise<void> {
    const at = Date.now() + ms;
    const armedAt = await this.#storage.getAlarm();
    if (armedAt === null || armedAt > at) await this.#storage.setAlarm(at);
  }
}
