import { env } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { ProviderEventMessage } from "../../schema/messages.ts";
import { app } from "../../worker/app.ts";
import { fresh, type Letter, type Provider } from "./provider.ts";

/** What a deployment knows of one provider: its settings by name, where a second account has other keys. */
type Settings = Readonly<Record<string, string>>;

const SLACK_MS = 60_000;
const AHEAD_MS = 5 * 60_000;
const ctx = {
  waitUntil: () => {},
  passThroughOnException: () => {},
  props: {},
} as unknown as ExecutionContext;

type Forgery = (provider: Provider, letter: Provider["letter"]) => Promise<Letter | null>;
const of = fresh().of;

/** A true letter, whose bytes somebody has changed. */
const touched =
  (touch: (body: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>): Forgery =>
  async (_, letter) => {
    const sent = await letter("succeeded", { payment: of });
    return sent && { ...sent, body: touch(sent.body) };
  };
const bytes = (text: string) => new TextEncoder().encode(text);
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const flipped = (body: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> => {
  const copy = body.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

/** Everything that is not a provider's own word, of now, to this account. */
const FORGERIES: [string, Forgery][] = [
  [
    "forged: signed by somebody else",
    ({ otherSecret: secret }, letter) => letter("succeeded", { payment: of, secret }),
  ],
  ["forged: without any signature", async () => ({ headers: new Headers(), body: bytes("{}") })],
  ["forged: with one bit changed at its beginning", touched((body) => flipped(body, 0))],
  ["forged: with one bit changed in its middle", touched((body) => flipped(body, body.length >> 1))],
  ["forged: with one bit changed at its end", touched((body) => flipped(body, body.length - 1))],
  [
    "replayed: older than any try of the provider",
    ({ freshMs }, letter) => letter("succeeded", { payment: of, signedAt: Date.now() - freshMs - SLACK_MS }),
  ],
  [
    "replayed: from a time that has not come",
    (_, letter) => letter("succeeded", { payment: of, signedAt: Date.now() + AHEAD_MS + SLACK_MS }),
  ],
  ["truncated by a byte", touched((body) => body.slice(0, -1))],
  ["truncated to its half", touched((body) => body.slice(0, body.length >> 1))],
  ["truncated to nothing", touched(() => new Uint8Array())],
  ["with something behind it", touched((body) => joined(body, bytes("&x=1")))],
  [
    "re-encoded: the same facts in other bytes",
    async ({ rewritten }, letter) => {
      const sent = await letter("succeeded", { payment: of });
      return sent && rewritten(sent);
    },
  ],
  ["re-encoded: with a byte order mark", touched((body) => joined(bytes("\uFEFF"), body))],
  ["re-encoded: in UTF-16", touched((body) => Uint8Array.from([...body].flatMap((byte) => [byte, 0])))],
];

/**
 * The door of a provider, `POST /v1/webhooks/<name>`: a true letter is queued once, and of what is none nothing is. `others` is
 * where a true letter must not be believed: the door of another account.
 */
export function doors(
  name: string,
  make: () => Promise<Provider>,
  { settings, others }: { settings: Settings; others: readonly string[] },
): void {
  async function post(letter: Letter, door = name) {
    const queued: ProviderEventMessage[] = [];
    const queue = { send: async (message: ProviderEventMessage) => void queued.push(message) };
    const world = { ...env, PROVIDERS: name, ...settings, PROVIDER_EVENTS: queue } as unknown as Env;
    const { headers, body } = letter;
    const request = new Request(`http://127.0.0.1/v1/webhooks/${door}`, { method: "POST", headers, body });
    const { status } = await app.request(request, undefined, world, ctx);
    return { status, queued };
  }
  const truth = async (): Promise<Letter> => {
    const sent = await (await make()).letter("succeeded", { payment: of, event: "evt_true" });
    if (!sent) throw new Error("every provider says when it has been paid");
    return sent;
  };

  describe(`the door of ${name}`, () => {
    test("lets a true letter in, once for each time it comes", async () => {
      const { status, queued } = await post(await truth());
      expect(status).toBe(200);
      expect(queued).toMatchObject([{ provider: name, event: "evt_true", report: { payment: of.id } }]);
    });

    test.for(FORGERIES)("%s: refused, and nothing is queued", async ([, forge]) => {
      const provider = await make();
      const letter = await forge(provider, provider.letter);
      // Where no other bytes mean the same there is nothing to send.
      if (!letter) return;
      const { status, queued } = await post(letter);
      expect([400, 401]).toContain(status);
      expect(queued).toEqual([]);
    });

    test.for(others)("of another account, at the door %s: refused, and nothing is queued", async (door) => {
      const { status, queued } = await post(await truth(), door);
      expect([400, 401, 404]).toContain(status);
      expect(queued).toEqual([]);
    });
  });
}
