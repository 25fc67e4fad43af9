import { DurableObject } from "cloudflare:workers";
import type { WebhookApi } from "../../schema/actors.ts";
import { assert } from "../../schema/result.ts";
import type { Delivery, Endpoint, EndpointSettings, WebhookEvent } from "../../schema/webhook.ts";
import { log } from "../log.ts";
import { judge } from "./machine.ts";
import { send, SEND_MS_MAX } from "./send.ts";
import { WebhookStore } from "./store.ts";

/** Deliveries one endpoint is sent at a time. */
const SENDING_MAX = 5;
/** Deliveries that may wait for one endpoint; beyond it whoever tells has to come again. */
const WAITING_MAX = 200_000;
/** What has ended is listed for so long. */
const KEPT_MS = 30 * 86_400_000;
/** A try that a crash cut off is made again after its deadline. */
const CLAIM_MS = 2 * SEND_MS_MAX;

/** Tells one endpoint of a merchant what it wants to know, in its own time: a slow one keeps nobody else waiting. */
export class WebhookActor extends DurableObject<Env> implements WebhookApi {
  readonly #store: WebhookStore;
  #sending = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new WebhookStore(ctx.storage);
  }

  async open(endpoint: Endpoint): Promise<void> {
    this.#store.configure(endpoint);
  }

  async change(settings: EndpointSettings): Promise<Endpoint | null> {
    const changed = this.#put(settings);
    if (changed && !changed.enabled) this.#store.giveUp("the endpoint was switched off", Date.now());
    this.#work();
    return changed;
  }

  async rotate(generation: number): Promise<Endpoint | null> {
    const endpoint = this.#store.endpoint();
    if (endpoint?.generation !== generation) return endpoint;
    return this.#put({ generation: generation + 1, rotatedAt: Date.now() });
  }

  async close(): Promise<void> {
    this.#store.forget();
    this.#store.giveUp("the endpoint was removed", Date.now());
  }

  async view(): Promise<Endpoint | null> {
    return this.#store.endpoint();
  }

  async tell(events: readonly WebhookEvent[]): Promise<void> {
    const endpoint = this.#store.endpoint();
    const wanted = events.filter(({ type }) => type === "endpoint.test" || endpoint?.types.includes(type));
    if (!endpoint?.enabled || wanted.length === 0) return;
    assert(this.#store.waiting() + wanted.length <= WAITING_MAX, "too much waits for this endpoint");
    this.#store.add(wanted, Date.now());
    this.#work();
  }

  async deliveries(max: number, below: number): Promise<{ deliveries: Delivery[]; next: number | null }> {
    return this.#store.list(max, below);
  }

  async resend(id: string): Promise<boolean> {
    const found = this.#store.endpoint()?.enabled === true && this.#store.resend(id, Date.now());
    if (found) this.#work();
    return found;
  }

  override async alarm(): Promise<void> {
    this.#store.prune(Date.now() - KEPT_MS);
    this.#work();
  }

  /** Changes what is there now, which a call that came in between may have changed too. Null when there is nothing. */
  #put(part: Partial<Endpoint>): Endpoint | null {
    const endpoint = this.#store.endpoint();
    if (!endpoint) return null;
    const changed = { ...endpoint, ...part };
    this.#store.configure(changed);
    return changed;
  }

  /** Sends what is due; nobody waits for it. The alarm stands for what is left, and for what a crash cuts off. */
  #work(): void {
    const endpoint = this.#store.endpoint();
    if (!endpoint?.enabled) return;
    const now = Date.now();
    for (const letter of this.#store.take(SENDING_MAX - this.#sending, now, now + CLAIM_MS)) {
      this.#sending++;
      this.ctx.waitUntil(this.#deliver(endpoint, letter));
    }
    const due = this.#store.nextDueAt();
    if (due !== null) void this.ctx.storage.setAlarm(Math.max(due, now + 1));
  }

  async #deliver(
    endpoint: Endpoint,
    { id, body, tries }: { id: string; body: string; tries: number },
  ): Promise<void> {
    const means = { secret: this.env.WEBHOOK_SECRET, allowed: this.env.WEBHOOK_HOSTS_ALLOWED };
    const attempt = await send(endpoint, { id, body }, means);
    this.#sending--;
    const now = Date.now();
    const verdict = judge(attempt, tries, now, Math.random());
    const answer = "status" in attempt ? String(attempt.status) : attempt.failure;
    if (verdict.kind === "again") this.#store.settle(id, "waiting", Math.ceil(verdict.at), answer, now);
    else this.#store.settle(id, verdict.kind, null, answer, now);
    log({
      event: "webhook_attempt",
      endpoint: endpoint.id,
      delivery: id,
      tries,
      answer,
      outcome: verdict.kind,
    });
    if (verdict.kind === "failed" && verdict.gone) {
      this.#put({ enabled: false });
      this.#store.giveUp("410: the endpoint wants to hear nothing more", now);
    }
    this.#work();
  }
}
