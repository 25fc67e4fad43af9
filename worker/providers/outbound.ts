import { Circuit } from "./circuit.ts";
import type { Outbound } from "./port.ts";

/** How long a provider may take for an answer, its body included. After that the answer is unknown. */
export const PROVIDER_DEADLINE_MS = 4_000;
/** Bytes of one answer. Providers say little; a bill is fetched in another way. */
const ANSWER_BYTES_MAX = 1_048_576;

/**
 * Requests to one account of one provider: each with a deadline, none while the provider is down. Redirects are not followed:
 * what we send is signed for one host, or carries a key.
 *
 * @throws when there was no answer in time, it was too long, or nobody is to be asked now.
 */
export function outboundOf(send: Outbound = (request) => fetch(request), circuit = new Circuit()): Outbound {
  return async (request) => {
    if (!circuit.admits(Date.now())) throw new Error("not asked: the provider is down");
    try {
      const signal = AbortSignal.timeout(PROVIDER_DEADLINE_MS);
      const answer = await whole(await send(new Request(request, { signal, redirect: "manual" })));
      circuit.hear(answer.status < 500, Date.now());
      return answer;
    } catch (cause) {
      circuit.hear(false, Date.now());
      throw cause;
    }
  };
}

/** The answer with its body at hand, so that the deadline is over when this is. */
async function whole(answer: Response): Promise<Response> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const { status, headers } = answer;
  // A status that has no body must be given none.
  return new Response(bytes === 0 ? null : new Blob(chunks), { status, headers });
}
