import type { Context } from "hono";
import type { App } from "./app-env.ts";
import { recordAudit } from "./read-models/audit.ts";

interface Act {
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly detail: unknown;
}

/** Writes down who is about to do what, and why. Before it is done: what cannot be written down is not done. */
export async function audit(c: Context<App>, act: Act): Promise<void> {
  const { id, role } = c.get("staff");
  await recordAudit(c.env.DB, { ...act, at: Date.now(), actor: id, role, requestId: c.get("requestId") });
}
