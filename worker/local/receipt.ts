import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { Client } from "./client.ts";
import { receiptOf } from "./export-receipt.ts";
import { fail, readSettings } from "./settings.ts";

/** `npm run receipt -- <sale> [file]`: everything that proves how a sale of the running server went, for `test/receipt/verify.mjs`. */
const [sale, file = `${sale}.receipt`] = process.argv.slice(2);
if (!sale) fail("Usage: npm run receipt -- <sale> [file]");
const { port, secrets } = readSettings();
const client = new Client(`http://127.0.0.1:${port}`, secrets);
const out = createWriteStream(file);
let lines = 0;
for await (const line of receiptOf(client, sale)) {
  lines++;
  if (!out.write(`${line}\n`)) await once(out, "drain");
}
out.end();
await once(out, "finish");
console.log(`${file}: ${lines} lines. Whoever doubts them: node test/receipt/verify.mjs ${file}`);
