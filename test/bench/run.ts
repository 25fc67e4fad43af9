import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { markdownOf, provenance, type Scenario } from "./harness.ts";
import { capacity } from "./scenarios/capacity.ts";
import { costs } from "./scenarios/costs.ts";
import { decision } from "./scenarios/decision.ts";
import { finished, growth } from "./scenarios/growth.ts";
import { hanging } from "./scenarios/hanging.ts";
import { pauses } from "./scenarios/pauses.ts";
import { purchaseScenario } from "./scenarios/purchase.ts";
import { manySkus } from "./scenarios/skus.ts";
import { starts } from "./scenarios/starts.ts";
import { soldOut, throughGates, withStockLeft } from "./scenarios/orders.ts";

/** `npm run bench`: every scenario, one after the other, and its results into RESULTS.md. */

const SCENARIOS: readonly Scenario[] = [
  decision,
  growth,
  finished,
  pauses,
  starts,
  withStockLeft,
  throughGates,
  soldOut,
  manySkus,
  capacity,
  purchaseScenario,
  costs,
  hanging,
];
const RESULTS = join(import.meta.dirname, "RESULTS.md");

const only = onlyOf();
const chosen = SCENARIOS.filter(({ name }) => only === null || only.includes(name));
const sections = new Map(kept());
const made = new Set<string>();
for (const [index, scenario] of chosen.entries()) {
  console.log(`${index + 1}/${chosen.length} ${scenario.name}`);
  const section = await scenario.run();
  const command = `npm run bench${only === null ? "" : ` -- --only ${scenario.name}`}`;
  const text = markdownOf({ ...section, text: `${section.text}\n\n${provenance(command)}` });
  console.log(`\n${text}\n`);
  sections.set(section.title, text);
  made.add(section.title);
  write();
}
if (only === null) {
  for (const title of sections.keys()) if (!made.has(title)) sections.delete(title);
  write();
}

/** After each scenario, so that one that fails costs only itself. */
function write(): void {
  writeFileSync(RESULTS, `${["# Results", ...sections.values()].join("\n\n")}\n`);
}

/** `--only finished,pauses`; null for all there are. */
function onlyOf(): string[] | null {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  if (values.only === undefined) return null;
  const names = values.only.split(",");
  if (names.every((name) => SCENARIOS.some((scenario) => scenario.name === name))) return names;
  console.error(`Scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

/** The sections of earlier runs, which stay until they are made again. */
function kept(): [string, string][] {
  const text = existsSync(RESULTS) ? readFileSync(RESULTS, "utf8") : "";
  return text
    .split(/^(?=## )/m)
    .slice(1)
    .map((section) => [/^## (.*)/.exec(section)?.[1] ?? "", section.trim()]);
}
