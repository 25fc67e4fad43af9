/** What a flow waits for: so many ms, an answer of code that promises, or other flows side by side. */
export type Wait = number | Promise<unknown> | readonly Flow<unknown>[];

/**
 * Something that goes on until it waits: what a buyer, a consumer or a bank does. Unlike an async function it costs next to
 * nothing where nobody waits, and the loop decides when it goes on.
 */
export type Flow<T> = Generator<Wait, T, unknown>;

/** What the Worker's own code answers. */
export function* answerOf<T>(promise: Promise<T>): Flow<T> {
  return (yield promise) as T;
}

/** All of them at once; the first that fails, in their order, fails them all. */
export function* together<T>(flows: readonly Flow<T>[]): Flow<T[]> {
  const [only] = flows;
  if (only && flows.length === 1) return [yield* only];
  return (yield flows) as T[];
}

/** All of them at once, whatever they come to. */
export const everyOne = (flows: readonly Flow<unknown>[]): Flow<unknown> =>
  flows.length === 1 ? (flows[0] as Flow<unknown>) : together(flows);

/** What comes of it, or null when it fails. */
export function* attempted<T>(flow: Flow<T>): Flow<T | null> {
  try {
    return yield* flow;
  } catch {
    return null;
  }
}
