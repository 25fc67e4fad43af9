import { parseArgs } from "node:util";
import { GATES_MAX } from "../../../schema/limits.ts";
import { RushSimulation, type Outcome, type Rush } from "./rush.ts";

/** `npm run plan`: how a sale will go, and how many gates it needs, before anybody has pressed. */

/** More gates are not worth it when they sell out less than a tenth sooner. */
const WORTH_IT = 1.1;

const { values } = parseArgs({
  options: {
    buyers: { type: "string", default: "1000000" },
    stock: { type: "string", default: "20000" },
    "window-ms": { type: "string", default: "1000" },
    isolates: { type: "string", default: "100" },
    "gate-rps": { type: "string", default: "1000" },
    "hop-ms": { type: "string", default: "2" },
    "batch-ms": { type: "string", default: "0.45" },
    "hold-us": { type: "string", default: "13" },
    seed: { type: "string", default: "1" },
  },
});
const numbers = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
if (Object.values(numbers).some((value) => !(value > 0)) || (numbers["buyers"] ?? 0) > 10_000_000) {
  console.error(
    "Usage: npm run plan -- --buyers 1000000 --stock 20000 [--window-ms 1000] [--isolates 100] [--gate-rps 1000] [--hop-ms 2] [--batch-ms 0.45] [--hold-us 13] [--seed 1]",
  );
  process.exit(2);
}

const of = (name: string): number => numbers[name] ?? 0;
const rushOf = (gates: number): Rush => ({
  buyers: of("buyers"),
  stock: of("stock"),
  gates,
  windowMs: of("window-ms"),
  isolates: of("isolates"),
  gateMs: 1_000 / of("gate-rps"),
  hopMs: of("hop-ms"),
  batchMs: of("batch-ms"),
  holdMs: of("hold-us") / 1_000,
  seed: of("seed"),
});

const outcomes: [number, Outcome][] = [];
for (let gates = 1; gates <= GATES_MAX; gates *= 2)
  outcomes.push([gates, new RushSimulation(rushOf(gates)).run()]);
const soonest = Math.min(...outcomes.map(([, { soldOutMs }]) => soldOutMs ?? Infinity));
const enough = outcomes.find(([, { soldOutMs }]) => (soldOutMs ?? Infinity) <= soonest * WORTH_IT);

console.log(
  `${of("buyers").toLocaleString("en")} buyers within ${of("window-ms")} ms for ${of("stock").toLocaleString("en")} units. A gate serves ${of("gate-rps")} requests a second; the SKU takes ${of("batch-ms")} ms a batch and ${of("hold-us")} us a hold.\n`,
);
console.table(
  Object.fromEntries(
    outcomes.map(([gates, { soldOutMs, p50Ms, p99Ms, ...counts }]) => [
      `${gates} gates`,
      {
        sold: counts.sold,
        "sold out after": soldOutMs === null ? "never" : `${Math.round(soldOutMs)} ms`,
        p50: `${Math.round(p50Ms)} ms`,
        p99: `${Math.round(p99Ms)} ms`,
        "told to come again": counts.overloaded,
        "refused at the edge": counts.refusedAtEdge,
        batches: counts.batches,
      },
    ]),
  ),
);
console.log(
  enough && soonest < Infinity
    ? `\n${enough[0]} ${enough[0] === 1 ? "gate is" : "gates are"} enough: more sell out hardly sooner. Set "gates": ${enough[0]} on the SKU.`
    : "\nThere is more stock than buyers: gates make no difference to what is sold.",
);
