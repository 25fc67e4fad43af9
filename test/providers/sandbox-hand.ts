import { Webhook } from "standardwebhooks";
import { orderOf } from "../../schema/ids.ts";
import { payment, pending, placement } from "../fixtures/orders.ts";
import type { Letter, LetterFacts, Provider } from "./provider.ts";

/** How the sandbox bank is and writes, wherever it stands: within the product or behind a socket. */

export const otherSecret = "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBiYW5r";
export const some = payment(pending(placement()));

export async function sign(body: string, at: number, by: string): Promise<Letter> {
  const headers = new Headers({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at / 1_000)),
    "webhook-signature": new Webhook(by).sign("msg_1", new Date(at), body),
  });
  return { headers, body: new TextEncoder().encode(body) };
}

export function bodyOf(
  type: string,
  { event = "evt_1", payment: of = some, order = orderOf(of.id) }: LetterFacts,
  at: number,
) {
  const data = { payment: "bnk_1", reference: of.id, order, ...of.amount };
  return { id: event, type, created: Math.floor(at / 1_000), data };
}

/** The same JSON in other bytes. */
const indented = (body: Uint8Array) =>
  new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(body)), null, 1));

type Who = "adapter" | "approve" | "decline" | "unreachable" | "silent" | "neverSeen";

export const hand = (secret: string): Omit<Provider, Who> => ({
  oneStep: "bank",
  twoStep: "card",
  afterDecline: "failed",
  neverCreated: "not_found",
  closes: true,
  settle: async () => {},
  letter: (type, facts = {}) => {
    const at = facts.signedAt ?? Date.now();
    return sign(JSON.stringify(bodyOf(`payment.${type}`, facts, at)), at, facts.secret ?? secret);
  },
  signed: (body) => sign(body, Date.now(), secret),
  rewritten: ({ headers, body }) => ({ headers, body: indented(body) }),
  otherSecret,
  signatureHeaders: ["webhook-id", "webhook-timestamp", "webhook-signature"],
  freshMs: 5 * 60_000,
  namesOrder: true,
});
