import { env } from "cloudflare:workers";
import { app } from "./app.ts";
import { readConfig } from "./config.ts";
import { consume } from "./consumers/consume.ts";
import { schedule } from "./schedules/schedule.ts";

export { GateActor } from "../durable-objects/gate/actor.ts";
export { OrderActor } from "../durable-objects/order/actor.ts";
export { SandboxBank } from "../durable-objects/sandbox-bank/actor.ts";
export { SkuActor } from "../durable-objects/sku/actor.ts";
export { TurnstileActor } from "../durable-objects/turnstile/actor.ts";
export { WebhookActor } from "../durable-objects/webhook/actor.ts";

// At start-up, so that a deployment with settings that must not be never answers a request.
readConfig({ ...env });

export default {
  fetch: app.fetch,
  queue: consume,
  scheduled: schedule,
} satisfies ExportedHandler<Env>;
