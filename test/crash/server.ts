import { serveBuilt } from "../../worker/local/miniflare.ts";

/** The product in a process of its own, to be killed: a bundle that has been built, on a state that outlives it. */
const { bindings, ...rest } = JSON.parse(process.argv[2] ?? "{}") as Parameters<typeof serveBuilt>[0];
await serveBuilt({ ...rest, bindings });
console.log("ready");
