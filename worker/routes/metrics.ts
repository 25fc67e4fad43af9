import { createRoute, z } from "@hono/zod-openapi";
import { Gauge, Registry } from "prom-client";
import { skuNumberOf } from "../../schema/ids.ts";
import { skuActor } from "../actors.ts";
import { forStaff, refusals, routes } from "../api/routes.ts";
import { listSales } from "../read-models/catalogue.ts";
import { countsOf } from "../read-models/counts.ts";
import { openDifferences, readAuditor } from "../read-models/differences.ts";
import { countLate } from "../read-models/late-orders.ts";
import { limboOf } from "../read-models/limbo.ts";

const scrape = createRoute({
  method: "get",
  path: "/metrics",
  tags: ["Operations"],
  summary: "Prometheus text",
  description:
    "Gauges read at scrape time: stock from the SKUs' own actors, the rest from D1. Counters of one isolate would mean nothing here.",
  ...forStaff("viewer"),
  responses: {
    200: {
      description: "Prometheus text, version 0.0.4.",
      content: { "text/plain": { schema: z.string() } },
    },
    ...refusals("unauthenticated", "forbidden", "overloaded"),
  },
});

const LIMBO = ["kind", "provider", "currency"];
const STOCK = ["initial", "restocked", "available", "held", "sold"] as const;

export const metrics = routes().openapi(scrape, async (c) => {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name: `doorbuster_${name}`, help, labelNames, registers: [registry] });

  const stock = gauge("stock_units", "Units of a SKU, by where they are.", "sale", "sku", "kind");
  const sales = await listSales(c.env.DB);
  const skus = sales.flatMap((sale) => sale.offers.map(({ sku }) => ({ sale: sale.id, sku })));
  const views = await Promise.all(skus.map(({ sku }) => skuActor(c.env, skuNumberOf(sku)).view()));
  for (const [index, { sale, sku }] of skus.entries())
    for (const kind of STOCK) stock.set({ sale, sku, kind }, views[index]?.[kind] ?? 0);

  const counts = await countsOf(c.env.DB);
  const orders = gauge("orders", "Orders in the read model, by state.", "state");
  for (const { state, count } of counts.orders) orders.set({ state }, count);
  const cases = gauge("cases_open", "Anomalies that wait for people, by kind.", "kind");
  for (const { kind, count } of counts.cases) cases.set({ kind }, count);
  const now = Date.now();
  const money = gauge("limbo_minor", "Money whose fate is open, in minor units.", ...LIMBO);
  const number = gauge("limbo_count", "Payments and refunds whose fate is open.", ...LIMBO);
  const age = gauge("limbo_age_seconds", "Age of the oldest payment or refund whose fate is open.", ...LIMBO);
  for (const { kind, provider, currency, count, amountMinor, oldestAt } of await limboOf(c.env.DB)) {
    const labels = { kind, provider, currency };
    money.set(labels, amountMinor);
    number.set(labels, count);
    age.set(labels, Math.max(0, now - oldestAt) / 1_000);
  }
  gauge("orders_late", "Orders that should have ended a quarter of an hour ago and more.").set(
    await countLate(c.env.DB, now),
  );
  const [audit, open] = [await readAuditor(c.env.DB), await openDifferences(c.env.DB)];
  gauge("audit_compared", "Orders and SKUs that the auditor's last round compared with D1.").set(
    audit.compared,
  );
  gauge("audit_different", "Orders and SKUs of which D1 does not say what their actors say.").set(open.count);
  const lag = open.since === null ? 0 : Math.max(0, now - open.since) / 1_000;
  gauge("audit_lag_seconds", "Age of the oldest difference that has not healed.").set(lag);
  gauge("audit_last_run_timestamp_seconds", "When the auditor's last round began.").set(audit.ranAt / 1_000);
  gauge("dead_letters", "Dead letters that nobody has replayed.").set(counts.deadLetters);

  return c.text(await registry.metrics(), 200, { "Content-Type": registry.contentType });
});
