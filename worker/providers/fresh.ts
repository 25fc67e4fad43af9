/** What is signed may be from this far in the future: two clocks differ. */
const AHEAD_MS_MAX = 5 * 60_000;

/** Whether what was sent at this moment is of now by every clock: at most so old, and not from the future. */
export const isFresh = (sentAt: number, ageMsMax: number, clocks: readonly number[]): boolean =>
  clocks.every((clock) => sentAt >= clock - ageMsMax && sentAt <= clock + AHEAD_MS_MAX);
