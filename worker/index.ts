export { GateActor } from "../durable-objects/gate/actor.ts";
export { OrderActor } from "../durable-objects/order/actor.ts";
export { SandboxBank } from "../durable-objects/sandbox-bank/actor.ts";
export { SkuActor } from "../durable-objects/sku/actor.ts";

export default {
  fetch: () => new Response("not yet", { status: 503 }),
} satisfies ExportedHandler<Env>;
