import { createHash } from "node:crypto";

/** What the first row of a chain follows. */
export const NO_HASH = "0".repeat(64);

/** The hash of a row that follows the one with the hash `prev`: over it and the row's fields, joined by line feeds. */
export const chained = (prev: string, ...fields: readonly (string | number)[]): string =>
  createHash("sha256")
    .update([prev, ...fields].join("\n"))
    .digest("hex");
