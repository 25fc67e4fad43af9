import * as z from "zod";
import { isPrivateKey, isPublicKey } from "../rsa.ts";
import { certificateNumber, ROOT, rootNumber } from "./certificates.ts";

const AlipayCertificate = z
  .string()
  .refine((text) => isPublicKey(text) && text.includes("CERTIFICATE"), "an RSA certificate");

/** For applications in certificate mode. A secret is at most 5 kB, so what only names itself may be given as its number. */
const Certificates = z.strictObject({
  app: z.string().refine((text) => certificateNumber(text) !== null, "a certificate, or its number"),
  /** Alipay's; two while one is renewed. */
  alipay: z.array(AlipayCertificate).min(1).max(3),
  root: z
    .string()
    .refine((text) => rootNumber(text) !== null, "Alipay's root file, or its number")
    .default(ROOT),
});

/** One application at Alipay, as the secret `ALIPAY_ACCOUNT_<ID>` describes it, in public-key or in certificate mode. */
export const AlipayAccount = z
  .strictObject({
    app_id: z.string().regex(/^\d{10,20}$/, "digits"),
    /** Where the money goes; a notification for another seller is refused. */
    seller_id: z.string().regex(/^2088\d{12}$/, "16 digits that begin with 2088"),
    /** The application's, PKCS #8 or PKCS #1. */
    private_key: z.string().refine(isPrivateKey, "an RSA private key"),
    /** Alipay's, from the application's settings; not the application's own. */
    alipay_public_key: z.string().refine(isPublicKey, "an RSA public key").optional(),
    certificates: Certificates.optional(),
    /** Codes Alipay makes a second; it publishes no limit, so ask before a sale. */
    codes_per_second: z.number().min(0.1).max(10_000).default(50),
    environment: z.enum(["production", "sandbox"]).default("production"),
  })
  .refine(
    ({ alipay_public_key, certificates }) =>
      (alipay_public_key === undefined) !== (certificates === undefined),
    { path: ["alipay_public_key"], message: "or certificates: one of both" },
  );
export type AlipayAccount = z.infer<typeof AlipayAccount>;

export const GATEWAYS = {
  production: "https://openapi.alipay.com/gateway.do",
  sandbox: "https://openapi-sandbox.dl.alipaydev.com/gateway.do",
} as const;
