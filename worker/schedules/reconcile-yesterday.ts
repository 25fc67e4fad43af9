import { log, logError } from "../../durable-objects/log.ts";
import { providerOf, receivers } from "../providers/registry.ts";
import { reconcile } from "../reconciliation/reconcile.ts";

const BEIJING_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;

/** Compares yesterday's bills, of Beijing's yesterday, of every account whose provider has some. */
export async function reconcileYesterday(env: Env, now: number): Promise<void> {
  const day = new Date(now + BEIJING_MS - DAY_MS).toISOString().slice(0, 10);
  for (const receiver of receivers(env)) {
    if (!providerOf(env, receiver)?.bill) continue;
    const { provider, account } = receiver;
    const done = await reconcile(env, receiver, day, now);
    const facts = { event: "reconciliation", provider, account, day };
    if (done.ok) log({ ...facts, matched: done.value.matched, different: done.value.differences.length });
    else logError(facts, done.error.detail);
  }
}
