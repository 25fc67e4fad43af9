/** An expected outcome is a value. What is thrown is a bug, or a platform that failed. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });
export const err = <E>(error: E): { ok: false; error: E } => ({ ok: false, error });

/** The end of every exhaustive switch: a new member of a union does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** A rule of ours does not hold: what was about to be stored is refused, and people are told. */
export class RuleBroken extends Error {
  override readonly name = "RuleBroken";

  constructor(rule: string) {
    super(`assertion failed: ${rule}`);
  }
}

/** A rule of ours that must hold. Stays on in production: a broken rule is refused before it is stored. */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new RuleBroken(rule);
}
