import { availableParallelism } from "node:os";
import { inParallel } from "../../worker/local/client.ts";
import { keep } from "../proof/results.ts";
import { MUTANTS } from "./catalogue.ts";
import { Copy } from "./copy.ts";
import { editsOf, type Edit, type Mutant } from "./mutant.ts";
import { readNoticed, writeResults, type Found } from "./results.ts";

/**
 * `npm run mutants`: each mistake of the catalogue in turn, in a copy of the project, and the test that notices it; as many at a
 * time as there are cores. `npm run mutants -- alipay` makes only those whose harm or file has that word.
 */

/** The machines, every world of the checker's short form, the simulations. */
const MACHINES = ["test/machines", "test/simulation", "test/schema"];

const [word = ""] = process.argv.slice(2);
const chosen = MUTANTS.filter(({ harm, file }) => `${harm} ${file}`.includes(word));
const found = new Map<Mutant, Found>();
const noticedBefore = readNoticed();
const beganAt = performance.now();

/** What must be true before a failing test says anything: without the mistake, and with the other mechanism off, none fails. */
async function checkUnharmed(copy: Copy, what: string, edits: readonly Edit[], tests: readonly string[]) {
  const failure = await copy.killerWith(edits, tests);
  if (failure) throw new Error(`the tests fail without any mistake, ${what}: ${failure}`);
}

async function make(copy: Copy, mutant: Mutant): Promise<void> {
  const startedAt = performance.now();
  const by = await copy.killerWith(editsOf(mutant), mutant.tests ?? MACHINES, noticedBefore(mutant));
  const seconds = (performance.now() - startedAt) / 1_000;
  found.set(mutant, { by, seconds });
  const off = mutant.without ? `\n    with this off: ${mutant.without.mechanism}` : "";
  const noticed = `${by ?? "SURVIVED"} (${seconds.toFixed(1)} s)`;
  console.log(`${found.size}/${chosen.length} ${mutant.harm}${off}\n    ${noticed}`);
}

/** Tests of one kind run together, where nothing is changed. */
const inNode = chosen.some(({ tests }) => !tests) ? MACHINES : [];
const inRuntime = [...new Set(chosen.flatMap(({ tests = [] }) => tests))];
const jobs: ((copy: Copy) => Promise<void>)[] = [
  ...[inNode, inRuntime]
    .filter((tests) => tests.length > 0)
    .map((tests) => (copy: Copy) => checkUnharmed(copy, "as they are", [], tests)),
  ...chosen.flatMap(({ without, tests = MACHINES }) =>
    without ? [(copy: Copy) => checkUnharmed(copy, without.mechanism, [without], tests)] : [],
  ),
  ...chosen.map((mutant) => (copy: Copy) => make(copy, mutant)),
];

const copies = Array.from({ length: availableParallelism() }, () => new Copy());
const waiting = jobs.values();
try {
  await inParallel(copies, copies.length, async (copy) => {
    for (const job of waiting) await job(copy);
  });
} finally {
  for (const copy of copies) copy.remove();
}
const killed = [...found.values()].filter(({ by }) => by !== null).length;
if (word === "") writeResults(found);
const held = `${killed} of ${chosen.length} mistakes noticed`;
if (word === "") keep("mutants", held, (performance.now() - beganAt) / 1_000);
console.log(`\n${held}.`);
process.exit(killed === chosen.length ? 0 : 1);
