import type { Pair } from "./keys.ts";

/** What a certificate says, as far as a provider's reader looks; everything defaulted, so that what is set matters. */
export interface CertificateFacts {
  /** Hexadecimal digits. */
  readonly serial?: string;
  /** From the country down to the common name, as X.509 has them. */
  readonly issuer?: readonly (readonly ["C" | "O" | "OU" | "CN", string])[];
  /** Epoch ms. */
  readonly from?: number;
  readonly until?: number;
}

const DAY_MS = 86_400_000;
const ISSUER = [
  ["C", "CN"],
  ["O", "Doorbuster tests"],
  ["CN", "An authority, 证书 & Sons"],
] as const;

const NAMES = { C: "550406", CN: "550403", O: "55040a", OU: "55040b" } as const;
const SHA256_WITH_RSA = "300d06092a864886f70d01010b0500";

/** An X.509 certificate (version 3, RFC 5280) of this key, signed with it, as PEM: a few lines of DER, since WebCrypto makes none. */
export async function certificateOf(
  { publicKey, sign }: Pair,
  {
    serial = "5DEA10EF55877E3C",
    issuer = ISSUER,
    from = Date.now() - DAY_MS,
    until = Date.now() + DAY_MS,
  }: CertificateFacts = {},
): Promise<string> {
  const algorithm = Buffer.from(SHA256_WITH_RSA, "hex");
  const name = sequence(...issuer.map(([kind, value]) => tagged(0x31, sequence(nameOf(kind), utf8(value)))));
  const body = sequence(
    tagged(0xa0, integer("02")),
    integer(serial),
    algorithm,
    name,
    sequence(time(from), time(until)),
    name,
    Buffer.from(publicKey, "base64"),
  );
  const signature = Buffer.from(await sign(Uint8Array.from(body)), "base64");
  const der = sequence(body, algorithm, tagged(0x03, Buffer.of(0), signature));
  const lines = der.toString("base64").match(/.{1,64}/g);
  return `-----BEGIN CERTIFICATE-----\n${lines?.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, ...parts);
const utf8 = (text: string): Buffer => tagged(0x0c, Buffer.from(text));
const nameOf = (kind: keyof typeof NAMES): Buffer => tagged(0x06, Buffer.from(NAMES[kind], "hex"));
/** Two digits for the year, as RFC 5280 wants it until 2049. */
const time = (at: number): Buffer =>
  tagged(
    0x17,
    Buffer.from(
      `${new Date(at)
        .toISOString()
        .slice(2)
        .replaceAll(/[-T:]|\..*/g, "")}Z`,
    ),
  );

/** A number that begins with a one bit would be negative. */
function integer(hex: string): Buffer {
  const bytes = Buffer.from(hex, "hex");
  return tagged(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}
