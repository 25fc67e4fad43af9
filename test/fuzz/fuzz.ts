import { parseArgs } from "node:util";
import { chanceOf } from "../chance.ts";
import { keep } from "../proof/results.ts";
import { Server } from "../system/server.ts";
import { fuzz } from "./fuzzer.ts";

/** `npm run fuzz -- --requests 50000 --seed 1`: what the document describes, and everything else, sent at the started system. */
const { values } = parseArgs({
  options: { requests: { type: "string", default: "50000" }, seed: { type: "string", default: "1" } },
});
const [requests, seed] = [Number(values.requests), Number(values.seed)];

const server = await Server.fresh();
const startedAt = Date.now();
try {
  const { statuses, wrong } = await fuzz(server, { requests, chance: chanceOf(seed), tell: console.log });
  for (const { what, why, count } of wrong) console.log(`${count} x ${why}\n    ${what}`);
  const found = `${requests.toLocaleString("en")} requests, ${wrong.length} answers that the document does not know`;
  keep("fuzz", found, (Date.now() - startedAt) / 1_000);
  console.log(`${found}: ${JSON.stringify(statuses)}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await server.stop();
}
