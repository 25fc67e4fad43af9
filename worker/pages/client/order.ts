import { countDown, localTimes } from "./clock.ts";
import { pressOnce, reload } from "./forms.ts";

/** Milliseconds between questions: quick at first, since most banks answer within seconds. */
const ASK_MS_FIRST = 1_000;
const ASK_MS_MAX = 10_000;
const ASK_GROWTH = 1.4;
/** After so long it is the reader who asks again. */
const ASKING_MS_MAX = 5 * 60_000;
/** The server ends an order at zero; a page that came a moment early would only see it waiting. */
const AFTER_ZERO_MS = 1_200;

interface Seen {
  readonly state: string;
  readonly version: number;
}

pressOnce();
localTimes();
countDown(() => setTimeout(reload, AFTER_ZERO_MS));

const page = document.querySelector<HTMLElement>("[data-order]");
if (page?.dataset["watch"] !== undefined) void watch(page);

/** Asks for the order until it differs from what the page shows, then loads the page anew. */
async function watch(shown: HTMLElement): Promise<void> {
  const startedAt = Date.now();
  let waitMs = ASK_MS_FIRST;
  while (Date.now() - startedAt < ASKING_MS_MAX) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (document.hidden) continue;
    waitMs = Math.min(waitMs * ASK_GROWTH, ASK_MS_MAX);
    const seen = await ask(shown.dataset["order"] ?? "");
    if (seen === "gone") break;
    if (
      seen &&
      (seen.state !== shown.dataset["state"] || String(seen.version) !== shown.dataset["version"]) &&
      reload()
    )
      return;
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-ask-again]")) element.hidden = false;
}

/** Null when nobody answered: a bad line is not an answer. */
async function ask(order: string): Promise<Seen | "gone" | null> {
  try {
    const response = await fetch(`/v1/orders/${order}`, { headers: { accept: "application/json" } });
    if (response.status === 401 || response.status === 404) return "gone";
    return response.ok ? ((await response.json()) as Seen) : null;
  } catch {
    return null;
  }
}
