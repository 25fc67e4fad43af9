import ipaddr from "ipaddr.js";

/** Characters of an endpoint's address. */
const URL_CHARS_MAX = 2_048;
/** How long a name may take to be looked up. */
const LOOKUP_MS_MAX = 3_000;
/** Names that mean a network of their own, whatever a resolver says (RFC 6761, RFC 6762, RFC 8375 and habit). */
const PRIVATE_NAMES =
  /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|private|arpa|test|invalid|onion)$/;

/** Hosts (`127.0.0.1:8080`) that count as public, for trying things out. Empty in production. */
const isAllowed = (url: URL, allowed: string): boolean => allowed.split(/[\s,]+/).includes(url.host);

/** Why nobody is called at this address, judged by its words alone; null when its name may be looked up. */
export function wrongWithUrl(address: string, allowed: string): string | null {
  const url = URL.canParse(address) && address.length <= URL_CHARS_MAX ? new URL(address) : null;
  if (!url) return "is not an address";
  if (isAllowed(url, allowed)) return null;
  if (url.protocol !== "https:") return "is not https";
  if (url.username || url.password) return "holds a password";
  const host = url.hostname.replace(/\.$/, "");
  if (ipaddr.isValid(host.replaceAll(/[[\]]/g, ""))) return "is a number, not a name";
  return !host.includes(".") || PRIVATE_NAMES.test(host) ? "is a name of a private network" : null;
}

/** False for everything that is not one machine on the public Internet: loopback, private, link-local, mapped, reserved. */
export function isPublic(ip: string): boolean {
  if (!ipaddr.isValid(ip)) return false;
  return ipaddr.process(ip).range() === "unicast";
}

/**
 * Why nobody is called at this address now, after its name was looked up: every machine that it may lead to must be public. The
 * runtime looks the name up once more when it calls; a name that changes in between leads at most to where Cloudflare's own
 * network lets a Worker go, which is the public Internet.
 */
export async function wrongWithHost(address: string, allowed: string): Promise<string | null> {
  const wrong = wrongWithUrl(address, allowed);
  const url = new URL(address);
  if (wrong !== null || isAllowed(url, allowed)) return wrong;
  const found = (await Promise.all([lookUp(url.hostname, "A"), lookUp(url.hostname, "AAAA")])).flat();
  if (found.length === 0) return "leads nowhere";
  return found.every(isPublic) ? null : "leads to a private network";
}

/** What a name leads to, by DNS over HTTPS (RFC 8484's JSON form). */
async function lookUp(name: string, type: "A" | "AAAA"): Promise<string[]> {
  const question = `https://cloudflare-dns.com/dns-query?name=${encodeURIComponent(name)}&type=${type}`;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), LOOKUP_MS_MAX);
  try {
    const headers = { accept: "application/dns-json" };
    const answer = await fetch(question, { headers, signal: patience.signal });
    const { Answer: records = [] } = await answer.json<{ Answer?: { type: number; data: string }[] }>();
    return records.filter((record) => record.type === (type === "A" ? 1 : 28)).map(({ data }) => data);
  } finally {
    clearTimeout(timer);
  }
}
