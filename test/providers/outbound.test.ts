import { describe, expect, test } from "vitest";
import { Circuit } from "../../worker/providers/circuit.ts";
import { NUMBERED, outboundOf, PROVIDER_DEADLINE_MS } from "../../worker/providers/outbound.ts";

const REQUEST = () => new Request("https://bank.example/pay", { method: "POST", body: "{}" });

const failed = (circuit: Circuit, times: number, now: number): Circuit => {
  for (let i = 0; i < times; i++) circuit.hear(false, now);
  return circuit;
};

test("a provider is asked until it has failed five times in a row, and one success forgets them", () => {
  const circuit = failed(new Circuit(), 4, 0);
  expect(circuit.admits(0)).toBe(true);
  circuit.hear(true, 0);
  failed(circuit, 4, 0);
  expect(circuit.admits(0)).toBe(true);
  failed(circuit, 1, 0);
  expect(circuit.admits(0)).toBe(false);
});

test("a provider that is down is asked by one at a time, every five seconds, until it answers", () => {
  const circuit = failed(new Circuit(), 5, 0);
  expect([circuit.admits(4_999), circuit.admits(5_000), circuit.admits(5_000)]).toEqual([false, true, false]);
  // The probe was never heard of again: somebody else may try.
  expect(circuit.admits(10_000)).toBe(true);
  circuit.hear(false, 11_000);
  expect([circuit.admits(15_999), circuit.admits(16_000)]).toEqual([false, true]);
  circuit.hear(true, 16_001);
  expect([circuit.admits(16_001), circuit.admits(16_001)]).toEqual([true, true]);
});

test("an answer of any status comes back whole, and server errors count as failures", async () => {
  let status = 402;
  let asked = 0;
  const outbound = outboundOf(async () => {
    asked++;
    return new Response('{"is":"said"}', { status, headers: { "x-said": "yes" } });
  });
  const answer = await outbound(REQUEST());
  expect([answer.status, answer.headers.get("x-said"), await answer.json()]).toEqual([
    402,
    "yes",
    { is: "said" },
  ]);
  status = 503;
  for (let i = 0; i < 5; i++) expect((await outbound(REQUEST())).status).toBe(503);
  await expect(outbound(REQUEST())).rejects.toThrow("the provider is down");
  expect(asked).toBe(6);
});

describe("a request that failed on the way", () => {
  const failing = (failures: number, how: () => Response) => {
    const sent: string[] = [];
    const outbound = outboundOf(async (request) => {
      sent.push(`${request.method} ${await request.text()}`);
      return sent.length <= failures ? how() : new Response("said");
    });
    return { sent, outbound };
  };
  const lost = (): Response => {
    throw new Error("connection reset");
  };
  const keyed = (header: string) => {
    const request = REQUEST();
    request.headers.set(header, "k");
    return request;
  };
  const GET = () => new Request("https://bank.example/pay");

  test.for([
    ["a question", GET, undefined],
    ["what has a key", () => keyed("idempotency-key"), undefined],
    ["what has PayPal's key", () => keyed("paypal-request-id"), undefined],
    ["what goes by our numbers", REQUEST, NUMBERED],
  ] as const)("is sent again, the same and once, when it is %s", async ([, make, patience]) => {
    for (const how of [lost, () => new Response(null, { status: 503 })]) {
      const { sent, outbound } = failing(1, how);
      expect(await (await outbound(make(), patience)).text()).toBe("said");
      expect(sent).toHaveLength(2);
      expect(sent[1]).toBe(sent[0]);
    }
    const { sent, outbound } = failing(9, lost);
    await expect(outbound(make(), patience)).rejects.toThrow("connection reset");
    expect(sent).toHaveLength(2);
    const down = failing(9, () => new Response(null, { status: 502 }));
    expect((await down.outbound(make(), patience)).status).toBe(502);
    expect(down.sent).toHaveLength(2);
  });

  test("is never sent again when twice might be twice, when it was read, or when its time is over", async () => {
    const bare = failing(1, lost);
    await expect(bare.outbound(REQUEST())).rejects.toThrow("connection reset");
    const read = failing(1, () => new Response(null, { status: 500 }));
    expect((await read.outbound(GET())).status).toBe(500);
    expect([bare.sent, read.sent]).toEqual([["POST {}"], ["GET "]]);
    let asked = 0;
    const hanging = outboundOf(({ signal }) => {
      asked++;
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    });
    await expect(hanging(GET(), { ...NUMBERED, deadlineMs: 50 })).rejects.toThrow();
    expect(asked).toBe(1);
  });

  test("counts as often as it was sent", async () => {
    const { sent, outbound } = failing(99, lost);
    for (let times = 0; times < 3; times++) await expect(outbound(GET())).rejects.toThrow();
    await expect(outbound(GET())).rejects.toThrow("the provider is down");
    expect(sent).toHaveLength(5);
  });
});

test("a redirect is not followed: what we send is meant for one host", async () => {
  let mode = "";
  const outbound = outboundOf(async (request) => {
    mode = request.redirect;
    return new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } });
  });
  expect((await outbound(REQUEST())).status).toBe(302);
  expect(mode).toBe("manual");
});

test("an answer that never comes, never ends or never stops is none", async () => {
  const hangs = outboundOf(
    (request) =>
      new Promise((_, reject) =>
        request.signal.addEventListener("abort", () => reject(new Error("aborted"))),
      ),
  );
  const before = Date.now();
  await expect(hangs(REQUEST())).rejects.toThrow();
  expect(Date.now() - before).toBeLessThan(PROVIDER_DEADLINE_MS + 2_000);

  const endless = outboundOf(async () => {
    // Fifty times as long as it may be: were it without an end, whoever reads it all would take the machine's memory.
    let left = 500;
    const pull = (stream: ReadableStreamDefaultController): void =>
      left-- > 0 ? stream.enqueue(new Uint8Array(100_000)) : stream.close();
    return new Response(new ReadableStream({ pull }));
  });
  await expect(endless(REQUEST())).rejects.toThrow("longer than");
}, 15_000);
