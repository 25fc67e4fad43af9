/** What the platform bills by number, as the counting Worker has seen it. */
export const KINDS = [
  "workerRequests",
  "objectRequests",
  "objectRowsRead",
  "objectRowsWritten",
  "queueOperations",
  "d1RowsRead",
  "d1RowsWritten",
] as const;
export type Counts = Record<(typeof KINDS)[number], number>;

/** Of the whole product, and of the sandbox bank alone, which is nobody's bill. */
export interface Report {
  readonly product: Counts;
  readonly bank: Counts;
}

export const noCounts = (): Counts =>
  Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<keyof Counts, number>;
