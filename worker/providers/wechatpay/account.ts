import * as z from "zod";
import { isPrivateKey, isPublicKey } from "../rsa.ts";

/** One merchant number at WeChat Pay, as the secret `WECHATPAY_ACCOUNT_<ID>` describes it. There is no sandbox. */
export const WechatPayAccount = z
  .strictObject({
    appid: z.string().regex(/^wx[0-9a-f]{16}$/, "wx and 16 hexadecimal digits"),
    mchid: z.string().regex(/^\d{8,10}$/, "8 to 10 digits"),
    /** The merchant's own key, and the serial number of its certificate. */
    private_key: z.string().refine(isPrivateKey, "an RSA private key"),
    serial: z.string().regex(/^[0-9A-F]{16,64}$/, "hexadecimal digits in capitals"),
    /** WeChat Pay takes about 500 a second of a merchant unless it has promised more. */
    creations_per_second: z.number().min(0.1).max(10_000).default(400),
    /** Opens what notifications seal. */
    api_v3_key: z.string().regex(/^[\x21-\x7e]{32}$/, "32 characters"),
    /** WeChat Pay's keys or certificates by their serial (`PUB_KEY_ID_…`): the one to ask for first, and others while it changes. */
    platform_keys: z
      .record(z.string().regex(/^\w{8,80}$/, "a serial"), z.string().refine(isPublicKey, "a public key"))
      .default({}),
    /** Whether WeChat Pay signs for this merchant with platform certificates, which are downloaded as they change. */
    download_certificates: z.boolean().default(false),
  })
  .refine(
    ({ platform_keys, download_certificates }) =>
      download_certificates || Object.keys(platform_keys).length > 0,
    { path: ["platform_keys"], message: "at least one, unless certificates are downloaded" },
  );
export type WechatPayAccount = z.infer<typeof WechatPayAccount>;

export const HOST = "https://api.mch.weixin.qq.com";
