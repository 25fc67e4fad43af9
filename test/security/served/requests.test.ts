import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesOf, sent, Wire, type Heard, type Shot } from "../../fixtures/wire.ts";
import { orderShot, payShot, staffShot } from "../../races/shop.ts";
import { Merchant, type Purchase } from "../../system/merchant.ts";
import { SECRETS } from "../../system/server.ts";

/**
 * Requests that no client of ours makes, written to the byte. OWASP API4, API8:2023, CWE-444, CWE-113, CWE-117, CWE-409 and ASVS 5.0 4.1.4, 4.2.1,
 * 4.2.5, 15.2.2, 16.2.5, 16.4.1.
 */

/** The product is started first, on a machine that may be busy. */
const START_MS_MAX = 300_000;

let merchant: Merchant;
let origin: string;
let shop: { sale: string; sku: string };

beforeAll(async () => {
  merchant = await Merchant.open({}, "sandbox", {});
  ({ origin } = merchant.client);
  shop = { sale: "wire", sku: "wire-lamp" };
  await merchant.client.defineSale(shop.sale, shop.sku, { stock: 1_000, holdSeconds: 600, perBuyerMax: 100 });
}, START_MS_MAX);
afterAll(() => merchant.close());

const order = async (): Promise<Shot> => orderShot(shop, await merchant.client.token("wire"));
const held = async (): Promise<number> => (await merchant.client.stock(shop.sku)).held;

/** Writes bytes and hears what comes; a connection that is ended without a word is one that heard nothing. */
const written = (...pieces: (Buffer | string)[]): Promise<Heard | null> => heardWithin(4_000, pieces);

async function heardWithin(ms: number, pieces: readonly (Buffer | string)[]): Promise<Heard | null> {
  const wire = await Wire.open(origin);
  for (const piece of pieces) wire.write(piece);
  const late = setTimeout(() => wire.cut(), ms);
  const heard = await wire.heard();
  clearTimeout(late);
  return heard;
}

/** Nothing was done, nothing broke, and the next one is served. */
async function harmless(ask: () => Promise<Heard | null>): Promise<Heard | null> {
  const before = await held();
  const heard = await ask();
  // A method that is none is not implemented, which the runtime says before the Worker is asked.
  if (heard?.status !== 501) expect(heard?.status ?? 400).toBeLessThan(500);
  expect(heard?.text ?? "").not.toMatch(/\bat .+\.[jt]s:\d+|SQLITE_|D1_ERROR/);
  expect(await held()).toBe(before);
  expect((await sent(origin, { method: "GET", path: "/healthz" })).status).toBe(200);
  return heard;
}

/** A request whose body is none of a client's libraries. */
const raw = (shot: Shot, body: Buffer | string, headers: Record<string, string> = {}): Buffer => {
  const bytes = Buffer.from(body);
  const head = bytesOf({
    ...shot,
    body: "",
    headers: {
      ...shot.headers,
      "content-type": "application/json",
      "content-length": String(bytes.length),
      ...headers,
    },
  });
  return Buffer.concat([head, bytes]);
};

describe("a body", () => {
  const TOO_LARGE = 70_000;

  test("over its limit is refused: declared, chunked, or as a form", async () => {
    const shot = await order();
    const large = `{"sale":"${"x".repeat(TOO_LARGE)}"}`;
    expect((await harmless(() => written(raw(shot, large))))?.body.code).toBe("body_too_large");
    const chunked = bytesOf({
      ...shot,
      body: "",
      headers: { ...shot.headers, "content-type": "application/json", "transfer-encoding": "chunked" },
    });
    const head = chunked.toString("latin1").replace(/content-length: 0\r\n/, "");
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    expect(
      (await harmless(() => written(head, ...Array.from({ length: 6 }, () => chunk), "0\r\n\r\n")))?.body
        .code,
    ).toBe("body_too_large");
  });

  test("that never ends keeps nobody else waiting, and does nothing", async () => {
    const shot = await order();
    const head = bytesOf({ ...shot, body: "" })
      .toString("latin1")
      .replace(/content-length: 0\r\n/, "transfer-encoding: chunked\r\n");
    await harmless(() => written(head, "5\r\nhello\r\n"));
    await harmless(() => written(raw(shot, '{"sale":', { "content-length": "500" })));
  });

  test("longer than it says is cut where it said, and the rest is no request of somebody else's", async () => {
    const shot = await order();
    const second = bytesOf(await order()).toString("latin1");
    const heard = await harmless(() => written(raw(shot, `{}${second}`, { "content-length": "2" })));
    expect(heard?.status).toBe(400);
    expect(heard?.text).not.toContain("HTTP/1.1");
  });

  test("that two headers frame differently is not read in two ways", async () => {
    const shot = await order();
    const both = (encoding: string): Buffer =>
      raw(shot, `0\r\n\r\n${bytesOf(shot).toString("latin1")}`, { "transfer-encoding": encoding });
    for (const encoding of ["chunked", "identity, chunked", "xchunked", "chunked, chunked", " chunked"])
      await harmless(() => written(both(encoding)));
    for (const length of ["-1", "+2", "0x2", "2, 3", "1e1", "99999999999999999999", "2\r\ncontent-length: 3"])
      await harmless(() => written(raw(shot, "{}", { "content-length": length })));
  });

  test("that is packed is not unpacked: a small one that would be large is no JSON", async () => {
    const shot = await order();
    const bomb = gzipSync(Buffer.alloc(50_000_000, 32));
    expect(bomb.length).toBeLessThan(60_000);
    for (const encoding of ["gzip", "deflate", "br", "gzip, gzip"]) {
      const heard = await harmless(() => written(raw(shot, bomb, { "content-encoding": encoding })));
      expect(heard?.body.code).toBe("invalid_json");
    }
  });

  test.for([
    ["deep arrays", "[".repeat(30_000) + "]".repeat(30_000)],
    ["deep objects", '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000)],
    ["many fields", `{${Array.from({ length: 6_000 }, (_, n) => `"f${n}":1`).join(",")}}`],
    [
      "many lines",
      `{"sale":"wire","lines":[${Array.from({ length: 1_500 }, () => '{"sku":"wire-lamp","quantity":1}').join(",")}]}`,
    ],
    ["a long number", `{"sale":"wire","lines":[{"sku":"wire-lamp","quantity":${"9".repeat(5_000)}}]}`],
    ["a byte order mark", "\uFEFF{}"],
    ["nothing", ""],
    ["a zero", "\0"],
  ] as const)("of %s is refused", async ([, body]) => {
    const shot = await order();
    const heard = await harmless(() => written(raw(shot, body)));
    expect(heard?.status).toBe(400);
  });

  test("that is no UTF-8 names nothing that there is", async () => {
    const shot = await order();
    const name = Buffer.from([0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xff]);
    const body = Buffer.concat([
      Buffer.from('{"sale":"'),
      name,
      Buffer.from('","lines":[{"sku":"wire-lamp","quantity":1}]}'),
    ]);
    const heard = await harmless(() => written(raw(shot, body)));
    expect(heard?.status).toBe(400);
  });

  test.for([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonx",
    "",
    "text/html, application/json",
  ])("as %j is none of ours", async (type) => {
    const shot = await order();
    const heard = await harmless(() =>
      written(raw(shot, JSON.stringify(shot.body), { "content-type": type })),
    );
    expect([heard?.status, heard?.body?.code]).toEqual([415, "unsupported_media_type"]);
  });
});

describe("a head", () => {
  test("of many or of long lines is refused or served, and breaks nothing", async () => {
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`x-${n}`, "y"]));
    await harmless(() => written(bytesOf({ method: "GET", path: "/v1/sales", headers: many })));
    await harmless(() =>
      written(bytesOf({ method: "GET", path: "/v1/sales", headers: { "x-long": "y".repeat(200_000) } })),
    );
    await harmless(() => written(bytesOf({ method: "GET", path: `/v1/sales/${"y".repeat(60_000)}` })));
  });

  test.for([
    "GET /v1/sales\r\n\r\n",
    "GET  /v1/sales HTTP/1.1\r\n\r\n",
    "get /v1/sales HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /v1/sales HTTP/9.9\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00",
    "GET http://evil.example/ HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "GET /assets/..%2f..%2fpackage.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "GET /v1/sales/%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "GET /v1/sales HTTP/1.1\r\nhost : x\r\n\r\n",
    "GET /v1/sales HTTP/1.1\r\n x: y\r\n\r\n",
    "POST /v1/buyers HTTP/1.1\r\nhost: x\r\nx: a\rb\nc\r\ncontent-length: 0\r\n\r\n",
  ])("%j is refused or means one thing", async (bytes) => {
    // Many of these never end, so that nobody answers them.
    const heard = await harmless(() => heardWithin(1_000, [bytes]));
    expect(heard?.text ?? "").not.toContain('doorbuster",');
    expect(heard?.headers.get("x-injected")).toBeUndefined();
  });

  test("opens no tunnel", async () => {
    const heard = await written("CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(heard?.status ?? 500).toBeGreaterThanOrEqual(400);
    expect((await sent(origin, { method: "GET", path: "/healthz" })).status).toBe(200);
  });

  test("writes no line into an answer: what a client names comes back in no header", async () => {
    const evil = "abc%0d%0aSet-Cookie:%20buyer=evil%0d%0aX-Injected:%20yes";
    const shots: Shot[] = [
      { method: "GET", path: `/v1/orders/${evil}`, token: await merchant.client.token("wire") },
      { method: "GET", path: `/problems/${evil}`, headers: { accept: "text/html" } },
      { method: "GET", path: `/?lang=${evil}`, headers: { accept: "text/html" } },
      { method: "GET", path: "/healthz", headers: { "x-request-id": "a\tb; c" } },
      { method: "GET", path: "/healthz", headers: { origin: `https://${evil}` } },
    ];
    for (const shot of shots) {
      const heard = await sent(origin, shot);
      expect(heard.status).toBeLessThan(500);
      for (const [name, value] of heard.headers) expect(`${name}: ${value}`).not.toMatch(/evil|^x-injected/);
    }
  });
});

test("two hundred who never finish keep nobody waiting", async () => {
  const shot = await order();
  const slow = await Promise.all(Array.from({ length: 200 }, () => Wire.open(origin)));
  const bytes = bytesOf(shot);
  for (const [n, wire] of slow.entries()) wire.write(bytes.subarray(0, 20 + (n % (bytes.length - 21))));
  const before = await held();
  for (let drop = 0; drop < 5; drop++) {
    for (const wire of slow) wire.write("");
    expect((await sent(origin, await order())).status).toBe(201);
  }
  for (const wire of slow) wire.cut();
  expect(await held()).toBe(before + 5);
});

describe("what is written down", () => {
  const FORGED = "forged%22,%22event%22:%22paid%0a%7b%22event%22:%22request%22,%22status%22:999%7d%1b[31m";
  let purchase: Purchase;

  beforeAll(async () => {
    merchant.lines.length = 0;
    purchase = await merchant.placed();
    const bought = {
      ...purchase.order,
      ...purchase,
      id: purchase.order.id as `ord_${string}`,
      sale: "",
      key: "",
      payBy: 0,
      race: "",
    };
    const paying = await sent(origin, payShot(bought));
    expect(paying.status).toBe(201);
    const staffKey = (
      await sent(origin, staffShot("POST", "/v1/admin/staff-keys", { name: "a\nb", role: "viewer" }))
    ).body.key;
    const asked: Shot[] = [
      { method: "GET", path: `/v1/orders/${FORGED}`, token: purchase.token },
      { method: "GET", path: `/v1/sales?token=${purchase.token}` },
      { method: "GET", path: "/v1/admin/orders?q=4111111111111111", token: staffKey },
      {
        method: "GET",
        path: "/healthz",
        headers: { "x-request-id": purchase.token.slice(0, 90), cookie: `buyer=${purchase.token}` },
      },
      {
        method: "POST",
        path: "/v1/webhooks/sandbox",
        headers: { "webhook-signature": "v1,forged-signature" },
        body: { card: "4111111111111111" },
      },
    ];
    for (const shot of asked) await sent(origin, shot);
    await merchant.client.approve(String(paying.body.action.url).split("/").at(-1) ?? "");
    await merchant.becomes(purchase, "paid", 20_000);
    secrets.push(staffKey, purchase.token, String(paying.body.action.url));
  });
  const secrets: string[] = [...Object.values(SECRETS), "4111111111111111", "forged-signature"];

  test("is one JSON object a line, whatever was asked for", () => {
    expect(merchant.lines.length).toBeGreaterThan(10);
    for (const line of merchant.lines) {
      for (const control of ["\n", "\r", "\u001b"]) expect(line).not.toContain(control);
      const said = JSON.parse(line) as { event?: string; status?: number };
      expect(typeof said.event).toBe("string");
      expect(said.status).not.toBe(999);
    }
  });

  test("holds no token, key, cookie, card, signature, or what opens a payment", () => {
    expect(merchant.leaked(secrets)).toEqual([]);
    expect(merchant.lines.join("\n")).toContain(purchase.order.id);
  });
});
