/** What a log line may carry. Never a token, a secret, a key or a buyer's address. */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** One JSON object a line: `wrangler tail --format json`, Workers Logs and jq all read it without a parser of ours. */
export function log(fields: LogFields & { event: string }): void {
  console.log(JSON.stringify(fields));
}

/** A line that somebody should look at. */
export function logError(fields: LogFields & { event: string }, cause: unknown): void {
  const error = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  console.error(JSON.stringify({ ...fields, error }));
}
