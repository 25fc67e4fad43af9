/** Not success, not failure: whoever asked must ask again. */
export interface Unknown {
  readonly kind: "unknown";
  readonly cause: string;
}

export const unknown = (cause: string): Unknown => ({ kind: "unknown", cause });

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** What a call says. Whatever is thrown on the way to a provider or back says nothing about the money. */
export async function orUnknown<T extends { kind: string }>(
  call: () => Promise<T>,
  causeOf: (cause: unknown) => string = messageOf,
): Promise<T | Unknown> {
  try {
    return await call();
  } catch (cause) {
    return unknown(causeOf(cause));
  }
}

/** A bill, or why there is none. */
export async function billOr<T>(fetched: () => Promise<T[]>): Promise<T[] | Unknown> {
  try {
    return await fetched();
  } catch (cause) {
    return unknown(messageOf(cause));
  }
}
