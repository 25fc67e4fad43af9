import { inTurn, perSecond, type Contender, type Scenario, type Section } from "../harness.ts";
import { clientOf, CONNECTIONS, load, orders, serveOurs } from "../ours.ts";

/** The same load on one SKU and on many. */
const ROUNDS = 5;
const REQUESTS = 6_000;
const COUNTS = [1, 10, 100] as const;
const PLENTY = 10_000_000;

export const manySkus: Scenario = {
  name: "skus",
  async run(): Promise<Section> {
    const served = await serveOurs();
    const client = clientOf(served);
    const contenders: Contender[] = [];
    for (const count of COUNTS) {
      const skus = Array.from({ length: count }, (_, n) => `of-${count}-${n}`);
      for (const sku of skus)
        await client.defineSale(sku, sku, { stock: PLENTY, holdSeconds: 86_400, gates: 0 });
      contenders.push({
        name: `${count} ${count === 1 ? "SKU" : "SKUs"}`,
        measure: async () => {
          const each = await Promise.all(skus.map((sku) => orders(client, sku, sku, REQUESTS / count)));
          // Buyers of all SKUs come mixed, as at the same moment.
          const mixed = Array.from({ length: REQUESTS / count }, (_, n) => each.map((of) => of[n] ?? ""));
          return load(served.port, mixed.flat(), "201");
        },
      });
    }
    const compared = await inTurn(contenders, ROUNDS);
    await served.dispose();
    return {
      title: "Orders of many SKUs at once",
      text: `${REQUESTS.toLocaleString("en")} orders a round over ${CONNECTIONS} connections, of one SKU and spread evenly over many, each in a sale of its own. Locally all objects share one thread, and an
object commits for itself: with a hundred SKUs fewer orders share a commit. Where each object has a machine of its own, many SKUs are many times one. \`ratio\`: the rate
of one SKU divided by this one, median of ${ROUNDS} rounds in turn.`,
      head: ["", "rate", "ratio"],
      rows: compared.map(({ name, rate, ratio }) => [name, perSecond(rate), ratio.toFixed(2)]),
    };
  },
};
