import { DurableObject } from "cloudflare:workers";

/** The least a Worker with an object can do: one call of an empty method. */
export class Empty extends DurableObject {
  async nothing(): Promise<void> {}
}

interface Bindings {
  readonly EMPTY: DurableObjectNamespace;
}

export default {
  async fetch(_request, env) {
    const stub = env.EMPTY.getByName("one") as unknown as Empty;
    await stub.nothing();
    return new Response("{}", { headers: { "content-type": "application/json" } });
  },
} satisfies ExportedHandler<Bindings>;
