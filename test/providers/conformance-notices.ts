import { expect, test } from "vitest";
import { orderIdOf, paymentIdOf, skuNumberOf } from "../../schema/ids.ts";
import { fresh, type Letter, type LetterFacts, type Provider } from "./provider.ts";

const SKEW_MS = 5 * 60_000;
const NOW_SLACK_MS = 10_000;

/** What `readNotice` promises: what is not the provider's own word, of now, about one of ours, is refused. */
export function notices(make: () => Promise<Provider>): void {
  const { order, of } = fresh();
  const read = async (letter: Letter, now = Date.now()) =>
    (await make()).adapter.readNotice(letter.headers, letter.body, now);
  const refusal = async (letter: Letter, now?: number) => {
    const said = await read(letter, now);
    return said.ok ? "accepted" : said.error.code;
  };
  const said = async (letter: Provider["letter"], facts: LetterFacts): Promise<Letter> => {
    const sent = await letter("succeeded", facts);
    if (!sent) throw new Error("every provider says when it has been paid");
    return sent;
  };
  const text = ({ body }: Letter) => new TextDecoder().decode(body);
  const bytes = (body: string) => new TextEncoder().encode(body);

  test.for(["succeeded", "failed", "closed"] as const)(
    "%s: is read in our words, and read alike again",
    async (type) => {
      const { letter, adapter } = await make();
      const sent = await letter(type, { payment: of, event: "evt_1" });
      if (!sent) return;
      const heard = await read(sent);
      const source = { via: "callback", event: "evt_1", provider: adapter.name, account: adapter.account };
      const report = { type: `payment_${type}`, payment: of.id, source };
      expect(heard).toMatchObject({ ok: true, value: { event: "evt_1", order: order.order, report } });
      if (heard.ok && heard.value?.report.type === "payment_succeeded")
        expect(heard.value.report.amount).toEqual(of.amount);
      expect(await read(sent)).toEqual(heard);
    },
  );

  test("with any bit of its body changed is not the provider's", async () => {
    const sent = await said((await make()).letter, { payment: of });
    for (let at = 0; at < sent.body.length; at++) {
      const body = sent.body.slice();
      body[at] = (body[at] ?? 0) ^ 1;
      expect(await refusal({ ...sent, body }), `byte ${at}`).toBe("invalid_signature");
    }
  }, 30_000);

  test("cut short, extended, emptied or written anew is not the provider's", async () => {
    const { letter, rewritten } = await make();
    const sent = await said(letter, { payment: of });
    const anew = rewritten(sent)?.body ?? new Uint8Array();
    const bodies = [
      sent.body.slice(0, -1),
      bytes(`${text(sent)}\n`),
      new Uint8Array(),
      anew,
      bytes(`\uFEFF${text(sent)}`),
    ];
    for (const body of bodies) expect(await refusal({ ...sent, body })).toBe("invalid_signature");
  });

  test("whose bytes only decode alike is not the provider's", async () => {
    const { signed, rewritten, letter } = await make();
    if (!rewritten(await said(letter, { payment: of }))) return;
    // A replacement character is what a lenient decoder makes of a broken byte.
    const sent = await signed('{"note":"\uFFFD"}');
    const at = sent.body.indexOf(0xef);
    const body = Uint8Array.from([...sent.body.slice(0, at), 0xff, ...sent.body.slice(at + 3)]);
    expect(text({ ...sent, body })).toBe(text(sent));
    expect(await refusal(sent)).toBe("invalid_request");
    expect(await refusal({ ...sent, body })).toBe("invalid_signature");
  });

  test("signed by another secret is not the provider's", async () => {
    const { letter, otherSecret } = await make();
    expect(await refusal(await said(letter, { payment: of, secret: otherSecret }))).toBe("invalid_signature");
  });

  test("older than the provider's own tries, or from the future, is refused, by either clock", async () => {
    const { letter, freshMs } = await make();
    const now = Date.now();
    for (const skew of [freshMs + NOW_SLACK_MS, -SKEW_MS - NOW_SLACK_MS]) {
      const signedAt = now - skew;
      const sent = await said(letter, { payment: of, signedAt });
      expect(await refusal(sent, now), "by the caller's clock").toBe("invalid_signature");
      expect(await refusal(sent, signedAt), "by the real clock").toBe("invalid_signature");
      const ours = await said(letter, { payment: of, signedAt: now });
      expect(await refusal(ours, now + skew)).toBe("invalid_signature");
    }
    for (const skew of [freshMs - NOW_SLACK_MS, NOW_SLACK_MS - SKEW_MS])
      expect(await refusal(await said(letter, { payment: of, signedAt: now - skew }), now)).toBe("accepted");
  });

  test("without, with empty, with changed and with doubled headers is not the provider's", async () => {
    const { letter, signatureHeaders } = await make();
    const sent = await said(letter, { payment: of });
    for (const header of signatureHeaders) {
      const value = sent.headers.get(header) ?? "";
      for (const wrong of [null, "", `${value}x`, `${value},${value}`, `x${value}`, "v1", "0"]) {
        const headers = new Headers(sent.headers);
        if (wrong === null) headers.delete(header);
        else headers.set(header, wrong);
        expect(await refusal({ ...sent, headers }), `${header}: ${wrong}`).toBe("invalid_signature");
      }
      const headers = new Headers(sent.headers);
      headers.append(header, value);
      expect(await refusal({ ...sent, headers }), `${header} twice`).toBe("invalid_signature");
    }
  });

  test("well signed, of another order than its reference, is not readable", async () => {
    const { letter, namesOrder } = await make();
    if (!namesOrder) return;
    const other = orderIdOf(skuNumberOf("lamp-blue"), Date.now(), new Uint8Array(5));
    expect(await refusal(await said(letter, { payment: of, order: other }))).toBe("invalid_request");
    const foreign = { ...of, id: paymentIdOf(other, 1) };
    expect(await refusal(await said(letter, { payment: foreign, order: order.order }))).toBe(
      "invalid_request",
    );
  });

  test("well signed nonsense is not readable", async () => {
    const { signed } = await make();
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    for (const body of ["", "{}", "[]", "null", "not JSON", '"text"', deep])
      expect(await refusal(await signed(body)), body.slice(0, 80)).toBe("invalid_request");
  });

  test("is acknowledged with a 2xx", async () => {
    expect((await make()).adapter.acknowledge().ok).toBe(true);
  });
}
