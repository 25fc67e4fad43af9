import { Webhook } from "standardwebhooks";
import { logError } from "../log.ts";
import { CALLBACK_DEADLINE_MS, type Account, type Callback } from "./machine.ts";
import type { Outgoing } from "./store.ts";

/** The body of a callback, as API.md has it. The signature is over exactly these characters. */
export function bodyOf(
  event: string,
  { id, order }: Account,
  { type, reference, amount }: Callback,
  now: number,
): string {
  const data = { payment: id, reference, order, amount: amount.amount, currency: amount.currency };
  return JSON.stringify({ id: event, type, created: Math.floor(now / 1_000), data });
}

/** Sends a callback as the Standard Webhooks have it. True when the merchant answered with a 2xx. */
export async function post({ event, url, body, tries }: Outgoing, secret: string): Promise<boolean> {
  const at = new Date();
  // Not AbortSignal.timeout: its timer would keep the object busy for the whole deadline after every quick answer.
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), CALLBACK_DEADLINE_MS);
  try {
    const headers = {
      "content-type": "application/json",
      "webhook-id": event,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": new Webhook(secret).sign(event, at, body),
    };
    const { signal } = patience;
    // A redirect is not an acceptance, and a callback follows none.
    const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    await answer.body?.cancel();
    return answer.ok;
  } catch (cause) {
    logError({ event: "bank_callback_failed", callback: event, tries }, cause);
    return false;
  } finally {
    clearTimeout(timer);
  }
}
