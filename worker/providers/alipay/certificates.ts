import { createHash, X509Certificate } from "node:crypto";

/**
 * Alipay's certificates, which it names by numbers of its own: the MD5 of a certificate's issuer, the most specific name first,
 * and its serial number in decimal. A root is named by all of its parts together.
 */
const NUMBER = /^[0-9a-f]{32}$/;
const ROOT_NUMBER = /^[0-9a-f]{32}(?:_[0-9a-f]{32}){0,3}$/;

/** What Alipay's root file, the same for every merchant until 2038, comes to: its own libraries' tests have it. */
export const ROOT = "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6";

/** The certificates of a file that this runtime can read. Alipay's root file has others, of SM2, which do not count for RSA2. */
function certificatesOf(file: string): X509Certificate[] {
  const texts = file.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return texts.flatMap((text) => {
    try {
      const certificate = new X509Certificate(text);
      return certificate.publicKey.asymmetricKeyType === "rsa" ? [certificate] : [];
    } catch {
      return [];
    }
  });
}

/** As Alipay's own library does it: names as they are, where the runtime escapes what has a meaning in them. */
function numberOf({ issuer, serialNumber }: X509Certificate): string {
  const names = issuer.replaceAll(/\\(.)/g, "$1").split("\n").toReversed().join(",");
  return createHash("md5")
    .update(`${names}${BigInt(`0x${serialNumber}`)}`)
    .digest("hex");
}

/** Of a certificate, or as it was given; null when it is neither. A file may hold the authority's certificate behind the own one. */
export function certificateNumber(certificate: string): string | null {
  if (NUMBER.test(certificate)) return certificate;
  const [own] = certificatesOf(certificate);
  return own ? numberOf(own) : null;
}

/** Of the root file, or as it was given; null when it is neither. */
export function rootNumber(root: string): string | null {
  if (ROOT_NUMBER.test(root)) return root;
  return certificatesOf(root).map(numberOf).join("_") || null;
}
