import { expect, test } from "vitest";
import { AlipayAccount } from "../../../worker/providers/alipay/account.ts";
import { alipay } from "../../../worker/providers/alipay/adapter.ts";
import { certificateNumber, ROOT, rootNumber } from "../../../worker/providers/alipay/certificates.ts";
import { outboundOf } from "../../../worker/providers/outbound.ts";
import type { Outbound } from "../../../worker/providers/port.ts";
import { beijingTime } from "../../../worker/providers/yuan.ts";
import { certificateOf } from "../certificates.ts";
import { keyPair, type Pair } from "../keys.ts";
import { fresh } from "../provider.ts";
import { AlipayEmulator } from "./emulator.ts";
import { ALIPAY_CERTIFICATE, ANT_ROOT, SM2_ROOT } from "./published.ts";

const [app, own, renewed, stranger] = await Promise.all([keyPair(), keyPair(), keyPair(), keyPair()]);
const [appCert, ownCert, renewedCert, strangerCert, rootCert] = await Promise.all([
  certificateOf(app, { serial: "2020051862039D40" }),
  certificateOf(own, { serial: "20200514E63C2FE0" }),
  certificateOf(renewed, { serial: "20220514E63C2FE0" }),
  certificateOf(stranger, { serial: "66E63C2FE04D5387" }),
  certificateOf(stranger, ANT_ROOT),
]);

const numbered = (pem: string): string => {
  const number = certificateNumber(pem);
  if (number === null) throw new Error("not a certificate");
  return number;
};

/** Alipay, which signs with this key and says that it is this certificate's. */
function emulated(pair: Pair, certificate: string): AlipayEmulator {
  const emulator = new AlipayEmulator(app, pair);
  emulator.certificates = { app: numbered(appCert), root: ROOT, alipay: numbered(certificate) };
  return emulator;
}

const accountOf = (facts: Record<string, unknown> = {}): AlipayAccount =>
  AlipayAccount.parse({
    app_id: "2021000000000001",
    seller_id: "2088000000000001",
    private_key: app.privateKey,
    certificates: { app: appCert, alipay: [ownCert, renewedCert], ...facts },
  });
const adapterOf = (send: Outbound, account = accountOf()) => alipay("main", account, outboundOf(send));
const asked = async (send: Outbound, account?: AlipayAccount) => {
  const { of, purchase } = fresh("qr");
  return (await adapterOf(send, account).create(of, purchase)).kind;
};

test("a certificate has the number that Alipay's own library gives it", () => {
  expect(certificateNumber(ALIPAY_CERTIFICATE.pem)).toBe(ALIPAY_CERTIFICATE.number);
  expect(certificateNumber(ALIPAY_CERTIFICATE.number)).toBe(ALIPAY_CERTIFICATE.number);
  expect(certificateNumber(SM2_ROOT)).toBeNull();
  expect(certificateNumber("a certificate")).toBeNull();
});

test("a root file is named by all of its RSA parts, and the others do not count", () => {
  expect(rootNumber(SM2_ROOT + rootCert)).toBe(ANT_ROOT.number);
  expect(rootNumber(SM2_ROOT + rootCert + ALIPAY_CERTIFICATE.pem)).toBe(
    `${ANT_ROOT.number}_${ALIPAY_CERTIFICATE.number}`,
  );
  expect(rootNumber(ROOT)).toBe(ROOT);
  expect(rootNumber(SM2_ROOT)).toBeNull();
});

test("a request names both numbers, and is answered under the old certificate and the new", async () => {
  expect(await asked(emulated(own, ownCert).answer)).toBe("action_required");
  expect(await asked(emulated(renewed, renewedCert).answer)).toBe("action_required");
  const byNumbers = accountOf({ app: numbered(appCert), root: ROOT });
  expect(await asked(emulated(own, ownCert).answer, byNumbers)).toBe("action_required");
  expect(await asked(emulated(own, ownCert).answer, accountOf({ app: strangerCert }))).toBe("unknown");
  expect(await asked(emulated(own, ownCert).answer, accountOf({ root: rootCert }))).toBe("unknown");
});

test("an answer under a certificate that is not in the settings, or not the one it names, is none", async () => {
  expect(await asked(emulated(stranger, strangerCert).answer)).toBe("unknown");
  expect(await asked(emulated(stranger, ownCert).answer)).toBe("unknown");
  expect(await asked(emulated(renewed, ownCert).answer)).toBe("unknown");
  const nameless: Outbound = async (request) => {
    const text = await (await emulated(own, ownCert).answer(request)).text();
    return new Response(text.replace(/"alipay_cert_sn":"\w+",/, ""));
  };
  expect(await asked(nameless)).toBe("unknown");
});

test("a notification counts under either certificate, and under no other", async () => {
  const { of } = fresh("qr");
  const heard = async (pair: Pair) => {
    const body = await new AlipayEmulator(app, pair).signed({
      notify_id: "evt_1",
      notify_time: beijingTime(Date.now()),
      app_id: "2021000000000001",
      seller_id: "2088000000000001",
      out_trade_no: of.id,
      trade_no: "2026112122001",
      trade_status: "TRADE_SUCCESS",
      total_amount: "1.00",
    });
    const adapter = adapterOf(async () => Response.error());
    return (await adapter.readNotice(new Headers(), new TextEncoder().encode(body), Date.now())).ok;
  };
  expect([await heard(own), await heard(renewed), await heard(stranger)]).toEqual([true, true, false]);
});

test("an account has a public key or certificates, not both and not neither", () => {
  const { certificates, ...bare } = accountOf();
  const isRight = (facts: object) => AlipayAccount.safeParse({ ...bare, ...facts }).success;
  expect(isRight({ certificates })).toBe(true);
  expect(isRight({ alipay_public_key: own.publicKey })).toBe(true);
  expect(isRight({})).toBe(false);
  expect(isRight({ certificates, alipay_public_key: own.publicKey })).toBe(false);
  for (const wrong of [{ app: "x" }, { root: SM2_ROOT }, { alipay: [own.publicKey] }, { alipay: [] }])
    expect(isRight({ certificates: { ...certificates, ...wrong } })).toBe(false);
});
