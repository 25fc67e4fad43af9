import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** RSASSA-PKCS1-v1_5 with SHA-256, which Alipay calls RSA2 and WeChat Pay SHA256-RSA2048. */
const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

/** The bytes of a key however it was pasted: with or without its armour, in lines of any length. */
const derOf = (key: string): Buffer => Buffer.from(key.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64");

const attempt = (read: () => KeyObject): KeyObject | null => {
  try {
    const key = read();
    return key.asymmetricKeyType === "rsa" ? key : null;
  } catch {
    return null;
  }
};

/** An RSA private key in PKCS #8 or PKCS #1, or null. */
const privateKeyOf = (key: string): KeyObject | null =>
  attempt(() => createPrivateKey({ key: derOf(key), format: "der", type: "pkcs8" })) ??
  attempt(() => createPrivateKey({ key: derOf(key), format: "der", type: "pkcs1" }));

/** An RSA public key, or that of an X.509 certificate, or null. */
const publicKeyOf = (key: string): KeyObject | null =>
  attempt(() => createPublicKey({ key: derOf(key), format: "der", type: "spki" })) ??
  attempt(() => createPublicKey(key));

export const isPrivateKey = (key: string): boolean => privateKeyOf(key) !== null;
export const isPublicKey = (key: string): boolean => publicKeyOf(key) !== null;

type Usage = "sign" | "verify";

/** Imports a key once and keeps it: a value, since requests must not wait for each other's promises. */
function importedOnce(key: KeyObject, format: "pkcs8" | "spki", usage: Usage): () => Promise<CryptoKey> {
  let imported: CryptoKey | null = null;
  return async () => {
    const der = new Uint8Array(key.export({ format: "der", type: format }));
    imported ??= await crypto.subtle.importKey(format, der, ALGORITHM, false, [usage]);
    return imported;
  };
}

/** Signs texts. @throws when the key is none, which a schema has ruled out before. */
export function signerOf(key: string): (text: string) => Promise<string> {
  const known = privateKeyOf(key);
  if (!known) throw new Error("not an RSA private key");
  const imported = importedOnce(known, "pkcs8", "sign");
  return async (text) => {
    const bytes = new TextEncoder().encode(text);
    return Buffer.from(await crypto.subtle.sign(ALGORITHM, await imported(), bytes)).toString("base64");
  };
}

/**
 * Verifies signatures in base64. Only the one spelling of a signature counts: a lenient decoder takes many for the same bytes.
 */
export function verifierOf(key: string): (text: string, signature: string) => Promise<boolean> {
  const known = publicKeyOf(key);
  if (!known) throw new Error("not an RSA public key");
  const imported = importedOnce(known, "spki", "verify");
  return async (text, signature) => {
    const bytes = Buffer.from(signature, "base64");
    if (bytes.toString("base64") !== signature) return false;
    return crypto.subtle.verify(ALGORITHM, await imported(), bytes, new TextEncoder().encode(text));
  };
}
