import { parseArgs } from "node:util";
import { keep } from "../proof/results.ts";
import { runPack } from "./pack.ts";

/** `npm run races -- --rounds 12`: everything that changes something, asked for at the same instant with everything that it concerns. */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "12" },
    refunds: { type: "string", default: "200" },
    only: { type: "string", default: "" },
  },
});
const startedAt = Date.now();
const { races, sockets, orders, failures, unraced } = await runPack({
  rounds: Number(values.rounds),
  refunds: Number(values.refunds),
  only: values.only,
  tell: console.log,
});
const broken = failures.length + (values.only === "" ? unraced.length : 0);
const found = `${races.toLocaleString("en")} races of ${sockets.toLocaleString("en")} requests for ${orders.toLocaleString("en")} orders, ${broken} that broke a law; 60 and 60 of 100 refunded ${values.refunds} times: one each`;
if (values.only === "") {
  for (const name of unraced) console.log(`in no race: ${name}`);
  if (broken === 0) keep("races", found, (Date.now() - startedAt) / 1_000);
}
console.log(found);
process.exitCode = broken === 0 ? 0 : 1;
