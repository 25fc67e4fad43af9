/** Nobody is asked to wait for longer than this: a buyer who would have to is told to come again. */
export const LINE_MS_MAX = 600_000;

/**
 * Lets people through one by one, so many a second: a leaky bucket without a depth. Whoever comes is given the next free
 * moment, and the line is its end. Null when the line is too long.
 *
 * @param nextAt the first moment that nobody has yet, epoch ms.
 */
export function enter(
  nextAt: number,
  perSecond: number,
  now: number,
): { readonly at: number; readonly nextAt: number } | null {
  const at = Math.max(now, nextAt);
  if (at - now > LINE_MS_MAX) return null;
  return { at, nextAt: at + 1_000 / perSecond };
}
