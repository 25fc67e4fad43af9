import { setTimeout as sleep } from "node:timers/promises";
import { fail, type Settings } from "./settings.ts";

const READY_MS_MAX = 60_000;
const DAY_MS = 86_400_000;

/** Waits until requests are answered, puts the demo sales there and says how to use them. */
export async function welcome({ port, secrets, seed, vars }: Settings): Promise<void> {
  const origin = `http://127.0.0.1:${port}`;
  await untilReady(origin);
  if (seed) await seedSales(origin, secrets.ADMIN_KEY);
  const buys = `TOKEN=$(curl -s -X POST ${origin}/v1/buyers | sed 's/.*"token":"\\([^"]*\\)".*/\\1/') && curl -s ${origin}/v1/orders -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -H "Idempotency-Key: $(date +%s%N)" -d '{"sale":"lamps","lines":[{"sku":"lamp-red","quantity":1}]}'`;
  const lines = [
    "",
    "  Doorbuster is open.",
    "",
    `  All sales          ${origin}/`,
    ...(seed
      ? [
          `  Open now           ${origin}/sales/lamps`,
          `  Opens tomorrow     ${origin}/sales/lamps-preview`,
          `  Sold out           ${origin}/sales/lamps-gone`,
        ]
      : []),
    `  API reference      ${origin}/docs`,
    `  Admin key          ${secrets.ADMIN_KEY}`,
    ...(vars.RATE_LIMIT === "off" ? ["  Rate limiting is off."] : []),
    ...(seed ? ["", "  Buy something:", `  ${buys}`] : []),
    "",
  ];
  console.log(lines.join("\n"));
  console.log(`ready ${origin}`);
}

async function untilReady(origin: string): Promise<void> {
  const deadline = Date.now() + READY_MS_MAX;
  while (Date.now() < deadline) {
    const answer = await fetch(`${origin}/healthz`).catch(() => null);
    if (answer?.ok) return;
    await answer?.body?.cancel();
    await sleep(100);
  }
  fail(`The server did not answer within ${READY_MS_MAX / 1_000} seconds. What it printed above says why.`);
}

const lamp = (sku: string, name: string, amount: number, stock: number) => ({
  sku,
  name,
  price: { amount, currency: "CNY" },
  stock,
});

/** Three sales to look at. One that is there already is left as it is, with its orders. */
async function seedSales(origin: string, adminKey: string): Promise<void> {
  const now = Date.now();
  const window = (from: number, to: number) => ({
    opens_at: new Date(from).toISOString(),
    closes_at: new Date(to).toISOString(),
  });
  const rules = { per_buyer_max: 2, hold_seconds: 600 };
  const red = lamp("lamp-red", "Red lamp", 19_900, 100);
  const blue = lamp("lamp-blue", "Blue lamp", 24_900, 100);
  const sales = {
    lamps: { name: "Lamps", ...window(now, now + 30 * DAY_MS), ...rules, skus: [red, blue] },
    "lamps-preview": {
      name: "Lamps of tomorrow",
      ...window(now + DAY_MS, now + 2 * DAY_MS),
      ...rules,
      skus: [lamp("lamp-green", "Green lamp", 17_900, 50)],
    },
    "lamps-gone": {
      name: "Lamps of yesterday",
      ...window(now, now + 30 * DAY_MS),
      ...rules,
      skus: [lamp("lamp-gold", "Golden lamp", 49_900, 0)],
    },
  };
  for (const [id, sale] of Object.entries(sales)) {
    const known = await fetch(`${origin}/v1/sales/${id}`);
    await known.body?.cancel();
    if (known.ok) continue;
    const made = await fetch(`${origin}/v1/admin/sales/${id}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      body: JSON.stringify(sale),
    });
    if (!made.ok) fail(`The demo sale "${id}" could not be made: ${made.status} ${await made.text()}`);
    await made.body?.cancel();
  }
}
