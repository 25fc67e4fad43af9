import { reconcileYesterday } from "./reconcile-yesterday.ts";
import { sweep } from "./sweep.ts";

/** Both wallets have a day's bill by ten in the morning, Beijing's time. The same words stand in wrangler.toml. */
const BILLS_ARE_THERE = "30 2 * * *";

/** What is done by the clock. */
export const schedule: ExportedHandlerScheduledHandler<Env> = ({ cron, scheduledTime }, env) =>
  cron === BILLS_ARE_THERE ? reconcileYesterday(env, scheduledTime) : sweep(env, scheduledTime);
