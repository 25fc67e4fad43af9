import type { Context } from "hono";
import { BODY_BYTES_MAX } from "../../schema/limits.ts";
import type { App } from "../app-env.ts";
import { problem } from "../problem.ts";
import type { Check } from "./admit.ts";

const JSON_TYPE = /^application\/json\s*(?:;.*)?$/i;

/**
 * A request's bytes, or null when they are more than a body may have. Read piece by piece, so that a body without an honest
 * length is cut off at the limit and never kept.
 */
export async function readBytes(c: Context<App>): Promise<Uint8Array<ArrayBuffer> | null> {
  if (Number(c.req.header("content-length") ?? 0) > BODY_BYTES_MAX) return null;
  const { body } = c.req.raw;
  if (!body) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.byteLength;
    if (length > BODY_BYTES_MAX) return null;
    pieces.push(piece);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** A JSON body within its limits, read once: the route's schema parses it from where this leaves it. */
export const jsonBody: Check = async (c) => {
  if (!JSON_TYPE.test(c.req.header("content-type") ?? ""))
    return problem(c, { code: "unsupported_media_type" });
  const declared = c.req.header("content-length");
  if (Number(declared ?? 0) > BODY_BYTES_MAX) return problem(c, { code: "body_too_large" });
  // The server holds a body to the length it declares. One of unknown length is read here, piece by piece.
  if (declared !== undefined) return undefined;
  const bytes = await readBytes(c);
  if (!bytes) return problem(c, { code: "body_too_large" });
  c.req.raw = new Request(c.req.raw, { body: bytes });
  return undefined;
};
