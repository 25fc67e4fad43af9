import { Webhook } from "standardwebhooks";
import type { Endpoint } from "../../schema/webhook.ts";
import { wrongWithHost } from "./address.ts";
import type { Attempt } from "./machine.ts";
import { secretsOf } from "./secret.ts";

/** How long a receiver may take, as Standard Webhooks has it. */
export const SEND_MS_MAX = 15_000;

export interface Letter {
  readonly id: string;
  readonly body: string;
}

/** The deployment's own secret, and the hosts that count as public. */
export interface Means {
  readonly secret: string;
  readonly allowed: string;
}

/** Sends one event once. Follows no redirect, and reads no more of an answer than its status. */
export async function send(endpoint: Endpoint, { id, body }: Letter, means: Means): Promise<Attempt> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), SEND_MS_MAX);
  try {
    const wrong = await wrongWithHost(endpoint.url, means.allowed);
    if (wrong !== null) return { failure: `the address ${wrong}` };
    const at = new Date();
    const signatures = secretsOf(means.secret, endpoint, at.getTime()).map((secret) =>
      new Webhook(secret).sign(id, at, body),
    );
    const answer = await fetch(endpoint.url, {
      method: "POST",
      redirect: "manual",
      signal: patience.signal,
      headers: {
        "content-type": "application/json",
        "user-agent": "Doorbuster",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
        "webhook-signature": signatures.join(" "),
      },
      body,
    });
    await answer.body?.cancel();
    return { status: answer.status, retryAfterMs: retryAfterOf(answer.headers) };
  } catch (cause) {
    return { failure: patience.signal.aborted ? "no answer in time" : String(cause).slice(0, 200) };
  } finally {
    clearTimeout(timer);
  }
}

function retryAfterOf(headers: Headers): number | null {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null;
}
