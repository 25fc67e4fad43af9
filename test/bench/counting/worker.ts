import production, * as actors from "../../../worker/index.ts";
import { countingD1 } from "./d1.ts";
import { noCounts, type Counts, type Report } from "./counts.ts";
import { countingObject, rowsOf } from "./objects.ts";
import { countingQueue, operationsOf } from "./queues.ts";

/** The production Worker, unchanged, between counters: of requests, rows and operations as the platform bills them. */

const product = noCounts();
const bank = noCounts();

export const SkuActor = countingObject(actors.SkuActor, product, countedEnv);
export const OrderActor = countingObject(actors.OrderActor, product, countedEnv);
export const GateActor = countingObject(actors.GateActor, product, countedEnv);
export const TurnstileActor = countingObject(actors.TurnstileActor, product, countedEnv);
export const WebhookActor = countingObject(actors.WebhookActor, product, countedEnv);
export const SandboxBank = countingObject(actors.SandboxBank, bank, countedEnv);

/** Bindings that count what goes through them. Objects count for themselves, so that alarms are in it. */
function countedEnv(env: Env): Env {
  return {
    ...env,
    DB: countingD1(env.DB, product),
    EFFECTS: countingQueue(env.EFFECTS, product),
    ORDER_EVENTS: countingQueue(env.ORDER_EVENTS, product),
    PROVIDER_EVENTS: countingQueue(env.PROVIDER_EVENTS, product),
  };
}

const report = (): Report => ({ product: withRows(product), bank: withRows(bank) });
const withRows = (counts: Counts): Counts => ({ ...counts, ...rowsOf(counts) });

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/counts") return Response.json(report());
    // What the bank's own pages and controls are asked is not the shop's traffic.
    if (!pathname.startsWith("/sandbox/")) product.workerRequests++;
    return production.fetch(request, countedEnv(env), ctx);
  },
  async queue(batch, env) {
    product.workerRequests++;
    for (const message of batch.messages) {
      product.queueOperations += operationsOf(message.body);
      const ack = message.ack.bind(message);
      Object.defineProperty(message, "ack", {
        value: () => {
          product.queueOperations += operationsOf(message.body);
          ack();
        },
      });
    }
    await production.queue(batch, countedEnv(env));
  },
} satisfies ExportedHandler<Env>;
