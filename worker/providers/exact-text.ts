/** Exactly what the bytes say, or null: a decoder that mends or drops some would verify bytes that nobody signed. */
export function exactText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
