import * as z from "zod";
import { isPrivateKey, isPublicKey } from "../rsa.ts";

/** One application at Alipay, as the secret `ALIPAY_ACCOUNT_<ID>` describes it, in public-key mode. */
export const AlipayAccount = z.strictObject({
  app_id: z.string().regex(/^\d{10,20}$/, "digits"),
  /** Where the money goes; a notification for another seller is refused. */
  seller_id: z.string().regex(/^2088\d{12}$/, "16 digits that begin with 2088"),
  /** The application's, PKCS #8 or PKCS #1. */
  private_key: z.string().refine(isPrivateKey, "an RSA private key"),
  /** Alipay's, from the application's settings; not the application's own. */
  alipay_public_key: z.string().refine(isPublicKey, "an RSA public key"),
  /** Codes Alipay makes a second; it publishes no limit, so ask before a sale. */
  codes_per_second: z.number().min(0.1).max(10_000).default(50),
  environment: z.enum(["production", "sandbox"]).default("production"),
});
export type AlipayAccount = z.infer<typeof AlipayAccount>;

export const GATEWAYS = {
  production: "https://openapi.alipay.com/gateway.do",
  sandbox: "https://openapi-sandbox.dl.alipaydev.com/gateway.do",
} as const;
