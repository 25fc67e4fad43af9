import { X509Certificate } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { outboundOf } from "../../../worker/providers/outbound.ts";
import type { Outbound } from "../../../worker/providers/port.ts";
import { WechatPayAccount } from "../../../worker/providers/wechatpay/account.ts";
import { wechatpay } from "../../../worker/providers/wechatpay/adapter.ts";
import { Envelope } from "../../../worker/providers/wechatpay/envelope.ts";
import { certificateOf, type CertificateFacts } from "../certificates.ts";
import { keyPair } from "../keys.ts";
import { fresh } from "../provider.ts";
import { WechatPayEmulator, type PlatformCertificate } from "./emulator.ts";
import { CERTIFICATE_DOWNLOAD } from "./published.ts";

const [merchant, older, newer, stranger] = await Promise.all([keyPair(), keyPair(), keyPair(), keyPair()]);
const HOUR_MS = 3_600_000;

async function certified(pair: typeof older, serial: string, facts: CertificateFacts = {}) {
  return { serial, pair, pem: await certificateOf(pair, { serial, ...facts }) };
}
const OLD = await certified(older, "440024045C4A427599D09BB4E3DE0279F2E813FD");
const NEW = await certified(newer, "5DEA10EF55877E3CF6C33255C2E7DEFFF7E427EC");
const THEIRS = await certified(stranger, "7132D72A03E93CDDF8C03BBD1F37EEDF01020304");

/** A merchant of the older kind, and a WeChat Pay that signs with platform certificates. */
function world(touch: (answer: Response, emulator: WechatPayEmulator) => Promise<Response> = async (a) => a) {
  const emulator = new WechatPayEmulator(merchant, older);
  emulator.certificates = [OLD];
  emulator.signer = OLD;
  let downloads = 0;
  const send: Outbound = async (request) => {
    const answer = await emulator.answer(request);
    if (!request.url.endsWith("/v3/certificates")) return answer;
    downloads++;
    return touch(answer, emulator);
  };
  const account = WechatPayAccount.parse({
    appid: emulator.appid,
    mchid: emulator.mchid,
    private_key: merchant.privateKey,
    serial: emulator.serial,
    api_v3_key: emulator.apiV3Key,
    download_certificates: true,
  });
  const adapter = wechatpay("main", account, outboundOf(send));
  const { of, purchase } = fresh("native");
  const ask = async () => (await adapter.create(of, purchase)).kind;
  return { emulator, adapter, ask, account, downloads: () => downloads };
}

/** The clock of the adapter and of WeChat Pay, by hand. */
function at(ms: number): void {
  vi.setSystemTime(ms);
}

describe("platform certificates", () => {
  test("are downloaded once, by whoever needs one first, while the others wait", async () => {
    const { ask, downloads } = world();
    expect(await Promise.all([ask(), ask(), ask(), ask()])).toEqual(Array(4).fill("action_required"));
    expect(downloads()).toBe(1);
    expect(await ask()).toBe("action_required");
    expect(downloads()).toBe(1);
  });

  test("change: the new one is asked for when it is first seen, and both count while both are there", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const began = Date.now();
    try {
      const { emulator, ask, downloads } = world();
      expect(await ask()).toBe("action_required");
      emulator.certificates = [OLD, NEW];
      at(began + HOUR_MS);
      emulator.signer = NEW;
      expect(await ask()).toBe("action_required");
      emulator.signer = OLD;
      expect(await ask()).toBe("action_required");
      expect(downloads()).toBe(2);
      // The old one is gone: after half a day nobody here believes it any more.
      emulator.certificates = [NEW];
      emulator.signer = NEW;
      at(began + 14 * HOUR_MS);
      expect(await ask()).toBe("action_required");
      expect(downloads()).toBe(3);
      emulator.signer = OLD;
      expect(await ask()).toBe("unknown");
    } finally {
      vi.useRealTimers();
    }
  });

  test("that nobody knows are asked for at most once a minute, and a failed download soon again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const began = Date.now();
    try {
      const { emulator, ask, downloads } = world();
      await ask();
      emulator.signer = THEIRS;
      at(began + 61_000);
      for (let times = 0; times < 5; times++) expect(await ask()).toBe("unknown");
      // That one was signed by a stranger too, so it failed, and may be repeated after five seconds.
      expect(downloads()).toBe(2);
      at(began + 67_000);
      emulator.signer = OLD;
      expect(await ask()).toBe("action_required");
      emulator.signer = { ...OLD, serial: "0123456789ABCDEF" };
      for (let times = 0; times < 5; times++) expect(await ask()).toBe("unknown");
      expect(downloads()).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  test("prove a notification too", async () => {
    const { emulator, adapter, downloads } = world();
    const { of } = fresh();
    const body = await emulator.sealed("TRANSACTION.SUCCESS", {
      appid: emulator.appid,
      mchid: emulator.mchid,
      out_trade_no: of.id,
      transaction_id: "4200000001",
      trade_state: "SUCCESS",
      amount: { total: of.amount.amount, currency: of.amount.currency },
    });
    const heard = async (headers: Headers) =>
      (await adapter.readNotice(headers, new TextEncoder().encode(body), Date.now())).ok;
    expect(await heard((await emulator.signed(200, body)).headers)).toBe(true);
    emulator.signer = THEIRS;
    expect(await heard((await emulator.signed(200, body)).headers)).toBe(false);
    // A serial that cannot be a certificate's is nothing to ask for.
    emulator.signer = { ...OLD, serial: "PUB_KEY_ID_0119000000012026" };
    expect(await heard((await emulator.signed(200, body)).headers)).toBe(false);
    expect(downloads()).toBe(1);
  });

  test("stand beside a public key of the settings while a merchant changes over", async () => {
    const { emulator, account, ask } = world();
    const both = { ...account, platform_keys: { [emulator.keyId]: newer.publicKey } };
    const adapter = wechatpay("main", both, outboundOf(emulator.answer));
    const { of, purchase } = fresh("native");
    for (const signer of [{ serial: emulator.keyId, pair: newer }, OLD]) {
      emulator.signer = signer;
      expect((await adapter.create(of, purchase)).kind).toBe("action_required");
    }
    emulator.signer = { serial: emulator.keyId, pair: newer };
    expect(await ask()).toBe("unknown");
  });
});

type Touch = (answer: Response, emulator: WechatPayEmulator) => Promise<Response>;
const listing =
  (...certificates: PlatformCertificate[]): Touch =>
  async (_, emulator) =>
    emulator.signed(200, JSON.stringify(await emulator.certificateList(certificates)));

/** Downloads that somebody on the way could make up. */
const FORGED: [string, Touch][] = [
  ["signed by nobody", async (answer) => new Response(await answer.text())],
  [
    "signed by a stranger in WeChat Pay's name",
    async (answer, emulator) => emulator.signed(200, await answer.text(), Date.now(), stranger),
  ],
  [
    "of a stranger's certificate, signed with it, sealed with another key",
    async (_, emulator) => {
      emulator.signer = THEIRS;
      const list = await emulator.certificateList([OLD, THEIRS], "x".repeat(32));
      return emulator.signed(200, JSON.stringify(list));
    },
  ],
  [
    "with a stranger's serial on a certificate of WeChat Pay",
    listing({ ...OLD, serial: THEIRS.serial }, OLD),
  ],
  [
    "touched",
    async (answer, emulator) => {
      const said = await answer.json<{ data: { encrypt_certificate: { ciphertext: string } }[] }>();
      const [first] = said.data;
      if (!first) throw new Error("no certificate");
      const sealed = Buffer.from(first.encrypt_certificate.ciphertext, "base64");
      sealed[100] = (sealed[100] ?? 0) ^ 1;
      first.encrypt_certificate.ciphertext = sealed.toString("base64");
      return emulator.signed(200, JSON.stringify(said));
    },
  ],
  [
    "of an hour ago",
    async (answer, emulator) => emulator.signed(200, await answer.text(), Date.now() - HOUR_MS),
  ],
  ["of nothing", listing()],
  ["of too many", listing(...Array.from({ length: 11 }, () => OLD))],
  [
    "of a certificate whose time is over",
    async (_, emulator) => {
      const over = await certified(older, OLD.serial, { until: Date.now() - 1_000 });
      return listing(over)(_, emulator);
    },
  ],
  [
    "of a certificate whose time has not come",
    async (_, emulator) => {
      const early = await certified(older, OLD.serial, {
        from: Date.now() + HOUR_MS,
        until: Date.now() + 2 * HOUR_MS,
      });
      return listing(early)(_, emulator);
    },
  ],
  ["that is a refusal", async (_, emulator) => emulator.signed(500, "{}")],
];

test.for(FORGED)("a download %s is believed by nobody", async ([, touch]) => {
  const { ask, downloads, emulator } = world(touch);
  expect(await ask()).toBe("unknown");
  expect(downloads()).toBe(1);
  expect(emulator.certificates).toEqual([OLD]);
});

test("the certificate that WeChat Pay published as a sample opens, and is what it says it is", async () => {
  const { account } = world();
  const { apiV3Key, serial, sealed } = CERTIFICATE_DOWNLOAD;
  const pem = await new Envelope({ ...account, api_v3_key: apiV3Key }).open(sealed);
  expect(new X509Certificate(pem ?? "").serialNumber).toBe(serial);
  const touched = { ...sealed, nonce: "14b16c03dc1c" };
  expect(await new Envelope({ ...account, api_v3_key: apiV3Key }).open(touched)).toBeNull();
});
