import { createRemoteJWKSet, jwtVerify } from "jose";

/** Cloudflare Access in front of staff endpoints: both set, or neither. */
export interface AccessSettings {
  /** The team's name: `<team>.cloudflareaccess.com`. */
  readonly ACCESS_TEAM?: string;
  /** The application's audience tag. */
  readonly ACCESS_AUDIENCE?: string;
}

/** Public keys by team. The library asks for them again when they are old or do not know a token's key. */
const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

function keysOf(origin: string): ReturnType<typeof createRemoteJWKSet> {
  let keys = keySets.get(origin);
  if (!keys) keySets.set(origin, (keys = createRemoteJWKSet(new URL("/cdn-cgi/access/certs", origin))));
  return keys;
}

/**
 * Whether a request has come through Cloudflare Access, by the signed assertion that Access adds to it. True without settings:
 * then there is no Access to come through. An assertion that cannot be checked is none.
 */
export async function cameThroughAccess(
  settings: AccessSettings,
  assertion: string | undefined,
): Promise<boolean> {
  const { ACCESS_TEAM: team, ACCESS_AUDIENCE: audience } = settings;
  if (!team || !audience) return true;
  if (!assertion) return false;
  const issuer = `https://${team}.cloudflareaccess.com`;
  try {
    await jwtVerify(assertion, keysOf(issuer), { issuer, audience, algorithms: ["RS256"] });
    return true;
  } catch {
    return false;
  }
}
