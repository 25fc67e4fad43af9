import { afterAll, expect, test } from "vitest";
import { check, checkTheEnd } from "../crash/check.ts";
import { Ledger } from "../crash/ledger.ts";
import { Victim } from "../crash/victim.ts";

/** The short form of `npm run crash`. */
const CYCLES = 4;
const CLIENTS = 8;

const victim = await Victim.fresh();
afterAll(() => victim.end());

test("what anybody was told outlives a SIGKILL, however often, and nothing is there that nobody asked for", async () => {
  const { client } = victim;
  const ledger = new Ledger(client, "crash", Math.random);
  let checked = 0;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    await victim.start();
    if (cycle === 0) await client.defineSale(ledger.sale, ledger.sku, { stock: 10_000, holdSeconds: 86_400 });
    await check(client, ledger, checked, Math.random);
    checked = ledger.entries.length;
    const deadline = Date.now() + 300 + Math.random() * 400;
    const presses = Array.from({ length: CLIENTS }, () => ledger.press(() => Date.now() > deadline));
    await new Promise((resolve) => setTimeout(resolve, deadline - Date.now()));
    await victim.kill();
    await Promise.all(presses);
  }
  await victim.start();
  await check(client, ledger, checked, Math.random);
  await checkTheEnd(client, ledger);
  expect(ledger.entries.length).toBeGreaterThan(CYCLES * 10);
});
