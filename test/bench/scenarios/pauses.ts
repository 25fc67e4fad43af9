import { progress, type Scenario, type Section } from "../harness.ts";
import { serve, type Served } from "../ours.ts";
import { CONFIG, configure, drive, urlOf } from "./decision-worker.ts";

/** Holds that a snapshot is of, and holds that end in the same millisecond. */
const HOLDS = 100_000;
const WAVE = 10_000;
const DAY_MS = 86_400_000;
/** Time to take them all before they end. */
const FILL_MS = 45_000;
/** A snapshot begins when nobody has asked to change anything for a second, and is whole long before this. */
const SNAPSHOT_MS = 8_000;
/** They are all free again long before this. */
const EXPIRY_MS = 30_000;
const IDLE_MS = 3_000;

export const pauses: Scenario = {
  name: "pauses",
  async run(): Promise<Section> {
    const served = await serve(CONFIG);
    const rows: string[][] = [];
    const count = HOLDS.toLocaleString("en");
    const note = (what: string, { asking, holding }: Longest): void => {
      rows.push([what, `${asking} ms`, holding === null ? "" : `${holding} ms`]);
      progress(rows.at(-1)?.join(", ") ?? "");
    };

    await configure(served, "idle");
    const idleUntil = performance.now() + IDLE_MS;
    note("nothing", await longest(served, "idle", () => performance.now() > idleUntil, true));

    await configure(served, "snapshot", DAY_MS);
    await fill(served, "snapshot", null);
    const until = performance.now() + SNAPSHOT_MS;
    // Whoever held something would put it off.
    note(
      `a snapshot of ${count} live holds`,
      await longest(served, "snapshot", () => performance.now() > until, false),
    );

    await configure(served, "expiry", DAY_MS);
    const endsAt = Date.now() + FILL_MS;
    await fill(served, "expiry", endsAt);
    if (Date.now() > endsAt - 1_000) throw new Error("filling took longer than the holds last");
    await waitUntil(endsAt - 500);
    const lateAt = endsAt + EXPIRY_MS;
    const done = ({ held }: View, holds: number): boolean => held <= holds || Date.now() > lateAt;
    note(`the end of ${count} holds in one millisecond`, await longest(served, "expiry", done, true));
    await served.dispose();
    return {
      title: "The longest that anybody waits",
      text: `One who asks a SKU for its figures and one who takes a unit, each again as soon as there is an answer, and the longest that an answer took while something big happened.
The snapshot is made when nobody takes anything.`,
      head: ["meanwhile", "longest answer to who asks", "to who takes a unit"],
      rows,
    };
  },
};

interface View {
  readonly held: number;
}
/** In whole ms; null where nobody took anything. */
interface Longest {
  readonly asking: number;
  readonly holding: number | null;
}

const waitUntil = (at: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, at - Date.now()));
  });

async function fill(served: Served, sku: string, until: number | null): Promise<void> {
  const end = until === null ? {} : { until };
  for (let from = 0; from < HOLDS; from += WAVE)
    await drive(served, { from, count: WAVE, batch: 1_000, inFlight: 2, ...end }, sku);
}

/** Asks, and takes units, until it has seen enough. */
async function longest(
  served: Served,
  sku: string,
  isEnough: (view: View, holds: number) => boolean,
  holding: boolean,
): Promise<Longest> {
  let asking = 0;
  let held = 0;
  let holds = 0;
  const seen = { enough: false };
  const ask = async (): Promise<void> => {
    while (!seen.enough) {
      const startedAt = performance.now();
      const answer = await fetch(urlOf(served, sku));
      const view = await answer.json<View>();
      asking = Math.max(asking, performance.now() - startedAt);
      seen.enough = isEnough(view, holds);
    }
  };
  const hold = async (): Promise<void> => {
    for (; !seen.enough; holds++) {
      const startedAt = performance.now();
      await drive(served, { from: HOLDS + holds, count: 1, batch: 1, inFlight: 1 }, sku);
      held = Math.max(held, performance.now() - startedAt);
    }
  };
  await Promise.all([ask(), holding ? hold() : null]);
  return { asking: Math.ceil(asking), holding: holding ? Math.ceil(held) : null };
}
