/** An RSA key pair made for a test, in base64 as providers' settings hold them, and what signs and verifies with it. */
export interface Pair {
  /** PKCS #8. */
  readonly privateKey: string;
  /** SPKI. */
  readonly publicKey: string;
  readonly sign: (text: string | Uint8Array<ArrayBuffer>) => Promise<string>;
  readonly verify: (text: string, signature: string) => Promise<boolean>;
}

const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

export async function keyPair(): Promise<Pair> {
  const params = { ...ALGORITHM, modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pair = await crypto.subtle.generateKey(params, true, ["sign", "verify"]);
  const exported = async (format: "pkcs8" | "spki", key: CryptoKey) =>
    Buffer.from(await crypto.subtle.exportKey(format, key)).toString("base64");
  const bytes = (text: string | Uint8Array<ArrayBuffer>) =>
    typeof text === "string" ? new TextEncoder().encode(text) : text;
  return {
    privateKey: await exported("pkcs8", pair.privateKey),
    publicKey: await exported("spki", pair.publicKey),
    sign: async (text) =>
      Buffer.from(await crypto.subtle.sign(ALGORITHM, pair.privateKey, bytes(text))).toString("base64"),
    verify: (text, signature) =>
      crypto.subtle.verify(ALGORITHM, pair.publicKey, Buffer.from(signature, "base64"), bytes(text)),
  };
}
