import { X509Certificate } from "node:crypto";
import * as z from "zod";
import { logError } from "../../../durable-objects/log.ts";
import { jsonOf } from "../../json.ts";
import type { Outbound } from "../port.ts";
import { verifierOf } from "../rsa.ts";
import { HOST, type WechatPayAccount } from "./account.ts";
import { faultOf, Sealed, type Envelope, type Verify } from "./envelope.ts";

/** Certificates of one download: WeChat Pay has one, and two while it changes it. */
const CERTIFICATES_MAX = 10;
/** After this long they are downloaded again before one is used: WeChat Pay asks merchants to look at least twice a day. */
const FRESH_MS = 12 * 3_600_000;
/** Between two downloads, whatever serials strangers send us; and after one that failed. */
const AGAIN_MS = 60_000;
const AGAIN_AFTER_FAILURE_MS = 5_000;
/** How long a request waits for the download of another, and how often it looks. */
const WAIT_MS = 4_000;
const LOOK_EVERY_MS = 25;

const CERTIFICATE_SERIAL = /^[0-9A-F]{8,64}$/;
const TARGET = "/v3/certificates";

interface Certificate {
  readonly verify: Verify;
  /** Epoch ms, both. */
  readonly from: number;
  readonly until: number;
}
type Certificates = ReadonlyMap<string, Certificate>;

const Download = z.object({
  data: z
    .array(z.object({ serial_no: z.string().regex(CERTIFICATE_SERIAL), encrypt_certificate: Sealed }))
    .min(1)
    .max(CERTIFICATES_MAX),
});

/**
 * WeChat Pay's keys by their serial: those in the account, and, where the account says so, the platform's certificates, which
 * change by themselves. An unknown serial is asked for once. One isolate's knowledge, values only: requests must not wait for
 * each other's promises.
 */
export class PlatformKeys {
  readonly #account: WechatPayAccount;
  readonly #envelope: Envelope;
  readonly #outbound: Outbound;
  readonly #settled: ReadonlyMap<string, Verify>;
  #downloaded: Certificates = new Map();
  /** Epoch ms, all of them. */
  #freshUntil = 0;
  #silentUntil = 0;
  #busyUntil = 0;

  constructor(account: WechatPayAccount, envelope: Envelope, outbound: Outbound) {
    this.#account = account;
    this.#envelope = envelope;
    this.#outbound = outbound;
    this.#settled = new Map(
      Object.entries(account.platform_keys).map(([serial, key]) => [serial, verifierOf(key)]),
    );
  }

  /** Null for a serial that nobody knows, or whose certificate is not of now. */
  readonly of = async (serial: string): Promise<Verify | null> => {
    const settled = this.#settled.get(serial);
    if (settled) return settled;
    if (!this.#account.download_certificates || !CERTIFICATE_SERIAL.test(serial)) return null;
    const isKnown = this.#downloaded.has(serial);
    if (!isKnown && Date.now() < this.#busyUntil) await this.#waitForAnother();
    else if (!isKnown || Date.now() >= this.#freshUntil) await this.#refresh();
    return verifyOf(this.#downloaded, serial);
  };

  async #refresh(): Promise<void> {
    const now = Date.now();
    if (now < this.#busyUntil || now < this.#silentUntil) return;
    this.#busyUntil = now + WAIT_MS;
    this.#silentUntil = now + AGAIN_MS;
    try {
      this.#downloaded = await this.#download();
      this.#freshUntil = Date.now() + FRESH_MS;
    } catch (cause) {
      // What is known stays known for as long as each certificate says.
      this.#silentUntil = Date.now() + AGAIN_AFTER_FAILURE_MS;
      logError({ event: "wechatpay_certificates_not_downloaded", mchid: this.#account.mchid }, cause);
    } finally {
      this.#busyUntil = 0;
    }
  }

  async #waitForAnother(): Promise<void> {
    while (Date.now() < this.#busyUntil) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }

  /**
   * Each certificate is sealed with the merchant's own key, which nobody else has; and the whole answer, its time included, is
   * signed with one of them. This is how the first download can be believed at all, and it is the rule for every other.
   */
  async #download(): Promise<Certificates> {
    const authorization = await this.#envelope.authorization("GET", TARGET, "");
    const headers = { accept: "application/json", authorization, "user-agent": "Doorbuster" };
    const answer = await this.#outbound(new Request(`${HOST}${TARGET}`, { headers }));
    const text = await answer.text();
    const listed = Download.safeParse(jsonOf(text)).data;
    if (answer.status !== 200 || !listed) throw new Error(`no certificates: ${answer.status}`);
    const found = new Map<string, Certificate>();
    for (const { serial_no: serial, encrypt_certificate: sealed } of listed.data) {
      const pem = await this.#envelope.open(sealed);
      if (pem === null) throw new Error(`the certificate ${serial} is not sealed with the merchant's key`);
      found.set(serial, readCertificate(serial, pem));
    }
    const keyFor = async (serial: string) => this.#settled.get(serial) ?? verifyOf(found, serial);
    const fault = await faultOf(answer.headers, text, [Date.now()], keyFor);
    if (fault !== null) throw new Error(`the certificates are not WeChat Pay's: ${fault}`);
    return found;
  }
}

/** The key of a certificate that is valid now. */
function verifyOf(certificates: Certificates, serial: string): Verify | null {
  const known = certificates.get(serial);
  const now = Date.now();
  return known && known.from <= now && now < known.until ? known.verify : null;
}

function readCertificate(serial: string, pem: string): Certificate {
  const { serialNumber, validFrom, validTo } = new X509Certificate(pem);
  if (serialNumber !== serial) throw new Error(`the certificate ${serial} is another: ${serialNumber}`);
  return { verify: verifierOf(pem), from: Date.parse(validFrom), until: Date.parse(validTo) };
}
