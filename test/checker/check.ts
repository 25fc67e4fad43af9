import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { keep } from "../proof/results.ts";
import { firstPair, ONE, TWO } from "./pair.ts";
import { Search, type Checked } from "./search.ts";
import { firstWorld, type Budget } from "./world.ts";

/**
 * `npm run check:states`: every world that one order and a rival can come to, and beside it, on another core, every world of two
 * whole orders, on one unit and within these bounds; they and the ways between them take gigabytes. `--orders one` or
 * `--orders two` looks at one of them, in this process.
 */
const BOUNDS = {
  one: { payments: 2, cancels: 1, refunds: 1, losses: 3, repeats: 3, refusals: 1 },
  two: { payments: 2, cancels: 2, refunds: 1, losses: 1, repeats: 1, refusals: 0 },
} satisfies Record<string, Budget>;
type Orders = keyof typeof BOUNDS;

const { values } = parseArgs({
  options: {
    orders: { type: "string" },
    limit: { type: "string", default: "12000000" },
    ...Object.fromEntries(Object.keys(BOUNDS.one).map((name) => [name, { type: "string" as const }])),
  },
});
const startedAt = performance.now();
const seconds = (): number => Math.round((performance.now() - startedAt) / 1_000);

function search(orders: Orders): Checked {
  const bounds = { ...BOUNDS[orders] };
  for (const name of Object.keys(bounds) as (keyof Budget)[]) {
    const given = (values as Record<string, string | undefined>)[name];
    if (given !== undefined) bounds[name] = Number(given);
  }
  console.log(`${orders}: ${JSON.stringify(bounds)}`);
  const limit = Number(values.limit);
  const progress = (states: number, waiting: number): void =>
    console.log(
      `  ${orders}: ${states.toLocaleString("en")} worlds, ${waiting.toLocaleString("en")} to look at, ${seconds()} s`,
    );
  return orders === "one"
    ? new Search(ONE, limit).run(firstWorld(bounds), progress)
    : new Search(TWO, limit).run(firstPair(bounds), progress);
}

/** In a process of its own, which has a heap of its own. */
async function searchBeside(orders: Orders): Promise<Checked> {
  const child = fork(import.meta.filename, [...process.argv.slice(2), "--orders", orders]);
  const told: Checked[] = [];
  child.on("message", (checked: Checked) => told.push(checked));
  await once(child, "exit");
  const [checked] = told;
  if (!checked) throw new Error(`the search of ${orders} broke off`);
  return checked;
}

function report(orders: string, { states, moves, quiet, violation, cut }: Checked): void {
  const counts = [states, moves, quiet].map((count) => count.toLocaleString("en"));
  console.log(`${orders}: ${counts[0]} distinct worlds, ${counts[1]} moves, ${counts[2]} of them at rest.`);
  if (violation) {
    const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout.trim();
    console.error(`VIOLATION at ${commit}: ${violation.law}\n  ${violation.trace.join("\n  ")}`);
    return;
  }
  console.log(
    cut
      ? "The limit was reached: no law was broken in any of them, and whether each comes to rest was not asked."
      : "No law was broken in any of them, and from each of them a world at rest can be reached.",
  );
}

const chosen = values.orders;
if (chosen === "one" || chosen === "two") {
  const checked = search(chosen);
  if (process.send) process.send(checked);
  else report(chosen, checked);
  process.exitCode = checked.violation ? 1 : 0;
} else {
  const [one, two] = await Promise.all([searchBeside("one"), searchBeside("two")]);
  report("one", one);
  report("two", two);
  const states = (one.states + two.states).toLocaleString("en");
  const moves = (one.moves + two.moves).toLocaleString("en");
  const laws = one.violation || two.violation ? "A LAW BROKEN" : "no law broken";
  const of = `${one.states.toLocaleString("en")} of one order and a rival, ${two.states.toLocaleString("en")} of two orders`;
  keep("states", `${states} distinct worlds (${of}), ${moves} moves: ${laws}`, seconds());
  process.exitCode = one.violation || two.violation ? 1 : 0;
}
