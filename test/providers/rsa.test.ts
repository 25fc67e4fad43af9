import { expect, test } from "vitest";
import { isPrivateKey, isPublicKey, signerOf, verifierOf } from "../../worker/providers/rsa.ts";
import { keyPair } from "./keys.ts";

/** Made by OpenSSL: a certificate, the old form of its private key, and its signature of a text. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIDJzCCAg+gAwIBAgIUX8l1kDKip2w2uC+wOknq9uT3JZwwDQYJKoZIhvcNAQEL
BQAwIjEgMB4GA1UEAwwXVGVucGF5LmNvbSBSb290IENBIHRlc3QwIBcNMjYxMTIx
MDY1NDI1WhgPMjEyNjEwMjgwNjU0MjVaMCIxIDAeBgNVBAMMF1RlbnBheS5jb20g
Um9vdCBDQSB0ZXN0MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxcmM
3y5jvN/BEKQPN1shr7Q5p1TTWRl4nP8HLSwa42rRd04r5vEgdjf+U1j0dUsIS1vq
SRsSOX3f0AUl9pvASuqHS+hVFJ6RoMj22EAR47DD/hX1V4oNQd1E0usFohyjZ1ax
RmppJV67CF8jLp/8JFTat9v2VV4+xYQZkrqib5c8fjBo16TLOUhENNdsZGP93Gal
zrZPe2ORR3RXXf3lk0zl8h6HLX/o9FxLERzz6u4V4CTwhoqXV/CLP0gvDweyRbgu
zMhEEXZwhZNGBIg/LKl5UWfWiGg03D5BfG+eN1BPA62S29HafY0tbJHw3uLs9saf
HblOdiqtG4fUEBZPwwIDAQABo1MwUTAdBgNVHQ4EFgQUyp5ugjaEAlBXywMLgOr0
bKJ4oL0wHwYDVR0jBBgwFoAUyp5ugjaEAlBXywMLgOr0bKJ4oL0wDwYDVR0TAQH/
BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAcbmaC4OsiA5roVj4HmQcpMKyIS5+
8ZxsGiWWMBivlx6mle6myyP2IUF1bTtJMbCR7MyCXnhup8UjGoPPjNCvoPGtZaNH
Xyy//1HNDUyX/abB3ZiG8NIy6I8uBJUtEboap347DEXlbh5PCWB6PkC24obG29Tc
GrbzSkYzW38p72fwPpEkgPNcBVDhLJEmMI0/cTpZLaGBs5Z6uvNdzTOklLB8rkWL
/jpG4+WH9D0Rk0PXnSbkSqG73rnTa/B5/eBUGuPrLUi6CHH2Ok5y90obymti02jh
KzefMWVoyIEv1MOENC4lsT6TVFMMJ96Gs7UAMNP/fFlOAcJBBiiQxL2iPA==
-----END CERTIFICATE-----`;
const PKCS1 = `-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEAxcmM3y5jvN/BEKQPN1shr7Q5p1TTWRl4nP8HLSwa42rRd04r
5vEgdjf+U1j0dUsIS1vqSRsSOX3f0AUl9pvASuqHS+hVFJ6RoMj22EAR47DD/hX1
V4oNQd1E0usFohyjZ1axRmppJV67CF8jLp/8JFTat9v2VV4+xYQZkrqib5c8fjBo
16TLOUhENNdsZGP93GalzrZPe2ORR3RXXf3lk0zl8h6HLX/o9FxLERzz6u4V4CTw
hoqXV/CLP0gvDweyRbguzMhEEXZwhZNGBIg/LKl5UWfWiGg03D5BfG+eN1BPA62S
29HafY0tbJHw3uLs9safHblOdiqtG4fUEBZPwwIDAQABAoIBAEmFke2Wd3HKtSBD
8/oOULfZJUNL12J8AudNL7Q9fGNEHkgckVpAEOKRDuOZogmF0jf9G1qAiyY+4bcY
atPActsGUjPH0fSfux+LBKM/McczOq/VJsWbJjFxGHfU8FuiDKXJxo0X2i0PiTPj
9ZaL1vUEa+dDh06VgXz3jXALG32iESeWDPqxrzjkIH+EYLmCCkGNHwPUpHXsj+ao
d2cET7gFftmnHZ1rDTJegsA4lg7w/3M2O2CUBc5+eW8hOer2mtD4dFWRbgJT0Kg5
3X/82QbmVcWcbsMO+bF7TlStUe+UmFtDoIrfQhalR0/d+5LHWFqEr5tqaRnvtsQY
qs0S1x0CgYEA8NdYGtL08etwxHhvSjsS/x9noGEbvHTQIFYMTs6I4BOvLscfqvNu
A2CMY8KyCLZ+G6+Q30qeaDv+UTm/qpfpCE2+7DAwXDkdNui0bBWqiC11UvbDPXrC
tML1okGjPhJN42RtLSd2bs3Zx/v1YnR1S/9ZHNM7MvhXOi3dFz9Sya8CgYEA0jx7
b6yRL66kMAyjvAVmtTckRHlENp6YYchHKEZdIilwmAZZERFhM815hfsA+b4uQ6bT
y2MH1TGqANbSYriMzKPotM+yuOQVPxkELhHrG4yMVZmvlJkMV+I1kSdknVX/zJml
P48gxL2a0U06CnQ2X9I7oSyPLZarc6/eKqrn5C0CgYBXhlsNfIbp+B9GN2Jyfp97
ueUGAuR6i5UrezoD1ckmbeDnRhQ7IzZi4c6DXrkms3OHCjnC/DIvPUZCLJN8IrLc
gqyU1zpr+ZGlZ9JRyVntHWAa43S2vgtOd9+etO3nW+2UauXGWCYRRJwVsnpN6nbK
RKUU9ar47gl9KjfEAA5NHwKBgQCZjKczBzz7MHimx3SHDQLY9C8++7sAkZEGSfr+
xXWcT9v2jRxcRO9ToI1Td+JchbTQoHYsJGZCJgXemwgKJnRfuo9qEBCezade8GyH
IXswIdUVaCw/QhEr1wH8xGLOL1OnIcj5xRXP3BPJLrhnjj1weuImc58XUuZill6T
l0PK+QKBgQDslPGizSNecYDWAO4NUWdiyLEqunq/0VbIwmLcS0EnQ5t1a2Ga/yUQ
2z3XtIeVQ+URkDRIFUv3c2K/JfwYxER74zmEnfRHGFT1tng6Ywg/BeJ4gh+s2H9L
DCZTSBGSfrubxqgsod+yc++bMa4YOeK4B11a0Rf7t2rB3H9rIz1DJg==
-----END RSA PRIVATE KEY-----`;
const TEXT = "TS\nNONCE\nBODY\n";
const SIGNATURE =
  "cK2H+dIJy+88k+y4NItILb/moO8o7heuyoS7p1HBOW1TnAAJV00GAVS8RQOJ5FDF5/AgL/UJfzZ9OwcrKsXgc0JALR//oDvTBn/JSLsg0NxgcLQAnqt1ZnIQxC9k5bOo6F/gqw50ZZylzdWGRCOcLsGh0Cmthnr1nodEhHPKBI7U3cdQC0HrYfl4HRQ/j1CGwOjXK3U7+AIQ3zUQc5JGETYLtkkiwcjJ5xQKWSnshCUbEwQH78bE5tijOUbZIBbdBbRXrMO7EpQCS8caboN+7R+xNlu0zlKa5wDDnkUSch3irheHSvQADcQhj7cHURqU8wANFQBwaHfwXYD7j58uNQ==";

test("a certificate is its public key, and what OpenSSL signed is verified", async () => {
  expect(isPublicKey(CERTIFICATE)).toBe(true);
  const verify = verifierOf(CERTIFICATE);
  expect(await verify(TEXT, SIGNATURE)).toBe(true);
  expect(await verify(`${TEXT} `, SIGNATURE)).toBe(false);
});

test("a key in the old form signs as OpenSSL does, however its lines are folded", async () => {
  for (const key of [PKCS1, PKCS1.replaceAll("\n", ""), PKCS1.replaceAll(/-----[A-Z ]+-----|\n/g, "")]) {
    expect(isPrivateKey(key)).toBe(true);
    expect(await signerOf(key)(TEXT)).toBe(SIGNATURE);
  }
});

test("a signature has one spelling: what only decodes alike is none", async () => {
  const { publicKey, sign } = await keyPair();
  const signature = await sign(TEXT);
  const verify = verifierOf(publicKey);
  expect(await verify(TEXT, signature)).toBe(true);
  const bare = signature.replace(/=+$/, "");
  for (const other of [
    bare,
    `${signature}=`,
    ` ${signature}`,
    signature.replaceAll("+", "-").replaceAll("/", "_"),
  ])
    if (other !== signature) expect(await verify(TEXT, other)).toBe(false);
});
