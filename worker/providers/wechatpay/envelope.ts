import * as z from "zod";
import { signerOf } from "../rsa.ts";
import type { WechatPayAccount } from "./account.ts";

/** What is sealed with the merchant's own key: notifications, and the platform's certificates. */
export const Sealed = z.object({
  algorithm: z.literal("AEAD_AES_256_GCM"),
  ciphertext: z.string(),
  nonce: z.string(),
  associated_data: z.string().default(""),
});

export type Verify = (text: string, signature: string) => Promise<boolean>;
/** The key that a serial names, or null. */
export type KeyFor = (serial: string) => Promise<Verify | null>;

/** What WeChat Pay signs may be this much older, or newer, than our clock. */
const SKEW_MS_MAX = 5 * 60_000;

/** One value each: a header that came twice arrives as one with a comma in it. */
const HEADERS = {
  timestamp: ["wechatpay-timestamp", /^[1-9]\d{9,11}$/],
  nonce: ["wechatpay-nonce", /^[\x21-\x2b\x2d-\x7e]{1,64}$/],
  serial: ["wechatpay-serial", /^\w{8,80}$/],
  signature: ["wechatpay-signature", /^[A-Za-z0-9+/]{300,700}={0,2}$/],
} as const;

/**
 * Null when these bytes are WeChat Pay's and of now; otherwise what is wrong with them. Probes with false signatures fail like
 * any other.
 */
export async function faultOf(
  headers: Headers,
  body: string,
  clocks: readonly number[],
  keyFor: KeyFor,
): Promise<string | null> {
  const read = (name: keyof typeof HEADERS): string | null => {
    const [header, form] = HEADERS[name];
    const value = headers.get(header) ?? "";
    return form.test(value) ? value : null;
  };
  const [timestamp, nonce, serial, signature] = [
    read("timestamp"),
    read("nonce"),
    read("serial"),
    read("signature"),
  ];
  if (timestamp === null || nonce === null || serial === null || signature === null)
    return "A header of the signature is missing or malformed.";
  if (clocks.some((clock) => Math.abs(clock - Number(timestamp) * 1_000) > SKEW_MS_MAX))
    return "It is too old, or from the future.";
  const verify = await keyFor(serial);
  if (!verify) return "It is signed with a key that nobody here knows.";
  return (await verify(`${timestamp}\n${nonce}\n${body}\n`, signature))
    ? null
    : "The signature does not match.";
}

/** The merchant's own keys: signs what leaves for WeChat Pay, and opens what was sealed for the merchant. */
export class Envelope {
  readonly #account: WechatPayAccount;
  readonly #sign: (text: string) => Promise<string>;
  #sealKey: CryptoKey | null = null;

  constructor(account: WechatPayAccount) {
    this.#account = account;
    this.#sign = signerOf(account.private_key);
  }

  /** The value of `Authorization`. @param target path and query. @param body exactly as it is sent, empty for none. */
  async authorization(method: string, target: string, body: string): Promise<string> {
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const nonce = crypto.randomUUID().replaceAll("-", "");
    const { mchid, serial } = this.#account;
    const signature = await this.#sign(`${method}\n${target}\n${timestamp}\n${nonce}\n${body}\n`);
    const fields = Object.entries({ mchid, nonce_str: nonce, timestamp, serial_no: serial, signature });
    return `WECHATPAY2-SHA256-RSA2048 ${fields.map(([name, value]) => `${name}="${value}"`).join(",")}`;
  }

  /** What WeChat's own browser needs to show the wallet: the page of the shop hands it over as it is. */
  async launch(prepayId: string): Promise<string> {
    const appId = this.#account.appid;
    const timeStamp = String(Math.floor(Date.now() / 1_000));
    const nonceStr = crypto.randomUUID().replaceAll("-", "");
    const bundle = `prepay_id=${prepayId}`;
    const paySign = await this.#sign(`${appId}\n${timeStamp}\n${nonceStr}\n${bundle}\n`);
    return JSON.stringify({ appId, timeStamp, nonceStr, package: bundle, signType: "RSA", paySign });
  }

  /** What was sealed with the merchant's key, or null when it was not, or somebody has touched it. */
  async open(sealed: Omit<z.infer<typeof Sealed>, "algorithm">): Promise<string | null> {
    const bytes = (text: string) => new TextEncoder().encode(text);
    try {
      this.#sealKey ??= await crypto.subtle.importKey(
        "raw",
        bytes(this.#account.api_v3_key),
        "AES-GCM",
        false,
        ["decrypt"],
      );
      const algorithm = {
        name: "AES-GCM",
        iv: bytes(sealed.nonce),
        additionalData: bytes(sealed.associated_data),
      };
      // The last sixteen bytes are the tag, which is checked before anything is given out.
      const plain = await crypto.subtle.decrypt(
        algorithm,
        this.#sealKey,
        Buffer.from(sealed.ciphertext, "base64"),
      );
      return new TextDecoder().decode(plain);
    } catch {
      return null;
    }
  }
}
