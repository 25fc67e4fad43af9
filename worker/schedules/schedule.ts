import { auditNext } from "../auditor/audit.ts";
import { reconcileYesterday } from "./reconcile-yesterday.ts";
import { sweep } from "./sweep.ts";

/** Both wallets have a day's bill by ten in the morning, Beijing's time. The same words stand in wrangler.toml. */
const BILLS_ARE_THERE = "30 2 * * *";
/** Between two sweeps, so that each has an invocation's calls for itself. */
const AUDIT = "2-59/5 * * * *";

/** What is done by the clock. */
export const schedule: ExportedHandlerScheduledHandler<Env> = async ({ cron, scheduledTime }, env) => {
  if (cron === BILLS_ARE_THERE) await reconcileYesterday(env, scheduledTime);
  else if (cron === AUDIT) await auditNext(env, scheduledTime);
  else await sweep(env, scheduledTime);
};
