import { Circuit } from "./circuit.ts";
import type { Outbound, Patience } from "./port.ts";

/** How long a provider may take for an answer, its body included. After that the answer is unknown. */
export const PROVIDER_DEADLINE_MS = 4_000;
/** Bytes of one answer: providers say little. */
const USUAL: Patience = { answerBytesMax: 1_048_576, deadlineMs: PROVIDER_DEADLINE_MS };
/** A day of a merchant, and the time it takes to come. */
export const FOR_BILLS: Patience = { answerBytesMax: 32 * 1_048_576, deadlineMs: 25_000 };

/**
 * Requests to one account of one provider: each with a deadline, none while the provider is down. Redirects are not followed:
 * what we send is signed for one host, or carries a key.
 *
 * @throws when there was no answer in time, it was too long, or nobody is to be asked now.
 */
export function outboundOf(send: Outbound = (request) => fetch(request), circuit = new Circuit()): Outbound {
  return async (request, { answerBytesMax, deadlineMs } = USUAL) => {
    if (!circuit.admits(Date.now())) throw new Error("not asked: the provider is down");
    try {
      const signal = AbortSignal.timeout(deadlineMs);
      const answer = await whole(
        await send(new Request(request, { signal, redirect: "manual" })),
        answerBytesMax,
      );
      circuit.hear(answer.status < 500, Date.now());
      return answer;
    } catch (cause) {
      circuit.hear(false, Date.now());
      throw cause;
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
