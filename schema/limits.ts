/** Limits that more than one layer must agree on. Limits of one layer stand in that layer. */

/** Lines of one order. Every line is a SKU to ask, and all of them are asked before the buyer has an answer. */
export const LINES_MAX = 20;
/** Units of one line. */
export const QUANTITY_MAX = 1_000;
/** Units a SKU starts with, or one restock adds. */
export const STOCK_MAX = 100_000_000;
/** SKUs of one sale: the gate asks each of them up to four times a second. */
export const SALE_SKUS_MAX = 50;
/** Gates before one SKU. Each is an object of a thousand requests a second, and fills a batch of its own. */
export const GATES_MAX = 64;
/** A hold lasts from a second (for rehearsals) to a day. */
export const HOLD_SECONDS_MAX = 86_400;
/** Bytes of a request body. An order of twenty lines is under two kilobytes. */
export const BODY_BYTES_MAX = 64 * 1024;
/** Characters of a buyer's id: the `sub` of a token that a merchant's backend mints. */
export const BUYER_CHARS_MAX = 128;
/** Characters of a reason that staff give. */
export const REASON_CHARS_MAX = 200;
