import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../worker/local/client.ts";
import { receiptOf } from "../../worker/local/export-receipt.ts";
import { SETTLE_MS_MAX } from "./script.ts";

const VERIFIER = join(import.meta.dirname, "../receipt/verify.mjs");

const AGAIN_MS = 500;

/**
 * Has a sale's receipt looked at by who shares no code with us: journals without a gap, limits, prices, money. Orders reach the lists,
 * and so a receipt, a little later than their actors; after kills that lost the news, when it is told again. @throws if it is wrong.
 */
export async function verify(client: Client, sale: string): Promise<void> {
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const wrong = await wrongOf(client, sale);
    if (wrong === null) return;
    if (Date.now() > deadline) throw new Error(`the receipt of ${sale} is wrong: ${wrong}`);
    await sleep(AGAIN_MS);
  }
}

/** What the verifier says is wrong with a receipt, or null. */
async function wrongOf(client: Client, sale: string): Promise<string | null> {
  const dir = mkdtempSync(join(tmpdir(), "doorbuster-receipt-"));
  try {
    const file = join(dir, "receipt");
    const lines: string[] = [];
    for await (const line of receiptOf(client, sale)) lines.push(line);
    writeFileSync(file, `${lines.join("\n")}\n`);
    const verifier = spawn(process.execPath, [VERIFIER, file], { stdio: ["ignore", "ignore", "pipe"] });
    const [said, [code]] = await Promise.all([text(verifier.stderr), once(verifier, "close")]);
    return code === 0 ? null : said;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
