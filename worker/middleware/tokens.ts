import { jwtVerify, SignJWT } from "jose";
import type { BuyerId } from "../../schema/ids.ts";
import { BUYER_CHARS_MAX } from "../../schema/limits.ts";

const ALGORITHM = "HS256";
/** An anonymous buyer is remembered for as long as a refund may take. */
export const BUYER_TOKEN_DAYS = 90;
/** A compact JWT with three claims is a few hundred characters. */
const TOKEN_CHARS_MAX = 4_096;
/** Buyers are shown in logs and lists: visible ASCII, as a merchant's own ids are. */
const BUYER = new RegExp(`^[\\x21-\\x7e]{1,${BUYER_CHARS_MAX}}$`);

/** The imported key of the secret last seen: a value, shared by requests; never a promise. */
let imported: { secret: string; key: CryptoKey } | null = null;

async function keyOf(secret: string): Promise<CryptoKey> {
  if (imported?.secret === secret) return imported.key;
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  imported = { secret, key };
  return key;
}

/** The buyer a token speaks for; null when it is not ours, has expired or names nobody. */
export async function readBuyerToken(secret: string, token: string): Promise<BuyerId | null> {
  if (token.length > TOKEN_CHARS_MAX) return null;
  try {
    const { payload } = await jwtVerify(token, await keyOf(secret), { algorithms: [ALGORITHM] });
    return typeof payload.sub === "string" && BUYER.test(payload.sub) ? payload.sub : null;
  } catch {
    return null; // Every reason is the same to whoever sent it.
  }
}

export interface MintedToken {
  readonly buyer: BuyerId;
  readonly token: string;
  readonly expiresAt: number;
}

/** A token for somebody nobody knows yet. */
export async function mintBuyerToken(secret: string, now: number): Promise<MintedToken> {
  const chance = crypto.getRandomValues(new Uint8Array(16));
  const buyer = `buy_${Array.from(chance, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const expiresAt = now + BUYER_TOKEN_DAYS * 86_400_000;
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
    .setSubject(buyer)
    .setIssuedAt(Math.floor(now / 1_000))
    .setExpirationTime(Math.floor(expiresAt / 1_000))
    .sign(await keyOf(secret));
  return { buyer, token, expiresAt };
}
