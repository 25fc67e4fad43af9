import type { Context, MiddlewareHandler } from "hono";
import type { App } from "../app-env.ts";
import type { ProblemResponse } from "../problem.ts";

/** Looks at a request before its route does: answers with a refusal, or with nothing. */
export type Check = (c: Context<App>) => ProblemResponse | undefined | Promise<ProblemResponse | undefined>;

/** Lets through what passes all checks, made one after the other. One layer for all of them: each layer is paid for by every press. */
export const admit =
  (...checks: readonly Check[]): MiddlewareHandler<App> =>
  async (c, next) => {
    for (const check of checks) {
      const refused = await check(c);
      if (refused) return refused;
    }
    await next();
  };
