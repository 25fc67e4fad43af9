import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chanceOf } from "../chance.ts";
import { Server } from "../system/server.ts";
import { fuzz } from "./fuzzer.ts";

/** `npm run fuzz -- --requests 50000 --seed 1`: what the document describes, and everything else, sent at the started system. */
const { values } = parseArgs({
  options: { requests: { type: "string", default: "50000" }, seed: { type: "string", default: "1" } },
});
const [requests, seed] = [Number(values.requests), Number(values.seed)];
const RESULTS = join(import.meta.dirname, "../../.proof");

const server = await Server.fresh();
const startedAt = Date.now();
try {
  const { statuses, wrong } = await fuzz(server, { requests, chance: chanceOf(seed), tell: console.log });
  for (const { what, why, count } of wrong) console.log(`${count} x ${why}\n    ${what}`);
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  const result = { requests, seed, seconds, undocumented: wrong.length, statuses };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, "fuzz.json"), `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result));
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await server.stop();
}
