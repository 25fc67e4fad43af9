/**
 * The little of Node's crypto that the Worker uses: hashes that need no `await`, so that nothing can happen between
 * deciding and writing. Node's own types stay out of the Worker, so that `node:fs` does not compile in it.
 */
declare module "node:crypto" {
  interface Hash {
    update(data: string | Uint8Array): Hash;
    digest(): Uint8Array<ArrayBuffer>;
    digest(encoding: "hex" | "base64"): string;
  }
  /** MD5 only names things, as their owners have named them before. */
  export function createHash(algorithm: "sha256" | "md5"): Hash;
  export function createHmac(algorithm: "sha256", key: string | Uint8Array): Hash;
}
