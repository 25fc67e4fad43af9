import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { cameThroughAccess } from "../../worker/middleware/access.ts";

const AUDIENCE = "staff-console";
const settings = { ACCESS_TEAM: "lamps", ACCESS_AUDIENCE: AUDIENCE };
const issuer = "https://lamps.cloudflareaccess.com";

/** Keys as Access publishes them, and somebody else's. */
const ours = await generateKeyPair("RS256", { extractable: true });
const theirs = await generateKeyPair("RS256", { extractable: true });
const published = { keys: [{ ...(await exportJWK(ours.publicKey)), kid: "one", alg: "RS256", use: "sig" }] };

const asked: string[] = [];
function publish(status = 200): void {
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return Response.json(published, { status });
  });
}
afterEach(() => {
  vi.unstubAllGlobals();
  asked.length = 0;
});

const assertion = (change: { key?: CryptoKey; audience?: string; issuer?: string; expires?: string } = {}) =>
  new SignJWT({ email: "ann@lamps.example" })
    .setProtectedHeader({ alg: "RS256", kid: "one" })
    .setIssuer(change.issuer ?? issuer)
    .setAudience(change.audience ?? AUDIENCE)
    .setExpirationTime(change.expires ?? "5m")
    .sign(change.key ?? ours.privateKey);

describe("Cloudflare Access", () => {
  test("is not asked for where it is not set up", async () => {
    expect(await cameThroughAccess({}, undefined)).toBe(true);
    expect(await cameThroughAccess({ ACCESS_TEAM: "", ACCESS_AUDIENCE: "" }, "anything")).toBe(true);
  });

  test("keeps out while its keys cannot be had", async () => {
    publish(503);
    const elsewhere = { ...settings, ACCESS_TEAM: "dark" };
    const dark = await assertion({ issuer: "https://dark.cloudflareaccess.com" });
    expect(await cameThroughAccess(elsewhere, dark)).toBe(false);
  });

  test("lets in what it has signed for this application", async () => {
    publish();
    expect(await cameThroughAccess(settings, await assertion())).toBe(true);
    expect(asked).toEqual([`${issuer}/cdn-cgi/access/certs`]);
  });

  test("keeps out everything else", async () => {
    publish();
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ iss: issuer, aud: AUDIENCE }))}.`;
    const wrong = [
      undefined,
      "",
      "not.a.token",
      unsigned,
      await assertion({ key: theirs.privateKey }),
      await assertion({ audience: "another-application" }),
      await assertion({ issuer: "https://others.cloudflareaccess.com" }),
      await assertion({ expires: "-1m" }),
    ];
    for (const one of wrong) expect(await cameThroughAccess(settings, one), String(one)).toBe(false);
  });
});
