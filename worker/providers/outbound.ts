import { Circuit } from "./circuit.ts";
import type { Outbound, Patience } from "./port.ts";

/** How long a provider may take for an answer, its body included. After that the answer is unknown. */
export const PROVIDER_DEADLINE_MS = 4_000;
/** Tries of a request that is the same request when it comes twice; all others get one. What is left open the order asks about. */
const TRIES_MAX = 2;
/** Before the second try, by chance: not everybody at once. */
const PAUSE_MS_MAX = 250;
/** Somebody on the way had nobody to ask: nothing has happened. */
const PASSING = new Set([502, 503, 504]);
/** What makes a provider take two requests for one. */
const KEYS = ["idempotency-key", "paypal-request-id"];

/** Bytes of one answer: providers say little. */
const USUAL: Patience = {
  answerBytesMax: 1_048_576,
  deadlineMs: PROVIDER_DEADLINE_MS,
  isRepeatable: ({ method, headers }) => method === "GET" || KEYS.some((key) => headers.has(key)),
};
/** Where everything goes by numbers of ours, so that whatever comes twice is the same. */
export const NUMBERED: Patience = { ...USUAL, isRepeatable: () => true };
/** A day of a merchant, and the time it takes to come. */
export const FOR_BILLS: Patience = { ...USUAL, answerBytesMax: 32 * 1_048_576, deadlineMs: 25_000 };

/**
 * Requests to one account of one provider: each with one deadline for all of its tries, none while the provider is down.
 * Redirects are not followed: what we send is signed for one host, or carries a key.
 *
 * @throws when there was no answer in time, it was too long, or nobody is to be asked now.
 */
export function outboundOf(send: Outbound = (request) => fetch(request), circuit = new Circuit()): Outbound {
  async function attempt(request: Request, bytesMax: number): Promise<Response> {
    if (!circuit.admits(Date.now())) throw new Error("not asked: the provider is down");
    try {
      const answer = await whole(await send(request), bytesMax);
      circuit.hear(answer.status < 500, Date.now());
      return answer;
    } catch (cause) {
      circuit.hear(false, Date.now());
      throw cause;
    }
  }

  return async (request, { answerBytesMax, deadlineMs, isRepeatable } = USUAL) => {
    const { url, method, headers } = request;
    const signal = AbortSignal.timeout(deadlineMs);
    const body = request.body ? await request.arrayBuffer() : null;
    const triesMax = isRepeatable(request) ? TRIES_MAX : 1;
    for (let tries = 1; ; tries++) {
      const isLast = tries === triesMax;
      try {
        const again = new Request(url, { method, headers, body, signal, redirect: "manual" });
        const answer = await attempt(again, answerBytesMax);
        if (isLast || !PASSING.has(answer.status)) return answer;
      } catch (cause) {
        if (isLast || signal.aborted) throw cause;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS_MAX));
    }
  };
}

/** The answer with its body at hand, so that the deadline is over when this is. */
async function whole(answer: Response, bytesMax: number): Promise<Response> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const { status, headers } = answer;
  // A status that has no body must be given none.
  return new Response(bytes === 0 ? null : new Blob(chunks), { status, headers });
}
