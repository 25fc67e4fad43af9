import { parseArgs } from "node:util";
import { keep } from "../proof/results.ts";
import { fuzz } from "./fuzzer.ts";
import { town } from "./town.ts";

/** `npm run fuzz -- --requests 50000 --seed 1`: what the document describes, and everything else, sent at the started system. */
const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "50000" },
    seed: { type: "string", default: "1" },
    width: { type: "string", default: "16" },
  },
});
const [requests, seed, width] = [values.requests, values.seed, values.width].map(Number) as [
  number,
  number,
  number,
];

const place = await town();
const startedAt = Date.now();
try {
  const { statuses, share, wrong } = await fuzz(place, { requests, seed, width, tell: console.log });
  for (const [name, { sent, fine }] of share)
    console.log(
      `${String(sent).padStart(6)} ${`${((100 * fine) / Math.max(1, sent)).toFixed(1)} %`.padStart(8)}  ${name}`,
    );
  for (const { what, why, count } of wrong) console.log(`${count} x ${why}\n    ${what}`);
  const never = [...share].filter(([, { fine }]) => fine === 0).map(([name]) => name);
  for (const name of never) console.log(`never answered with success: ${name}`);
  const fine = [...share.values()].reduce((sum, one) => sum + one.fine, 0);
  const found =
    `${requests.toLocaleString("en")} requests, ${wrong.length} answers that the document does not know; ` +
    `each of ${share.size} operations succeeded, ${Math.round((100 * fine) / requests)} % of all did`;
  const isRight = wrong.length === 0 && never.length === 0;
  if (isRight) keep("fuzz", found, (Date.now() - startedAt) / 1_000);
  console.log(`${isRight ? found : `seed ${seed} found something`}: ${JSON.stringify(statuses)}`);
  process.exitCode = isRight ? 0 : 1;
} finally {
  await place.merchant.close();
}
