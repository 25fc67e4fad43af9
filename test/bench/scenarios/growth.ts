import { perSecond, progress, type Scenario, type Section } from "../harness.ts";
import { serve, type Served } from "../ours.ts";
import { CONFIG, configure, drive, residentMegabytes, urlOf } from "./decision-worker.ts";

/** What holds that are there already cost the next one, and what they cost a start. */
const SIZES = [10, 1_000, 100_000, 1_000_000];
const MEASURED = 20_000;
const BATCH = 100;
const DAY_MS = 86_400_000;

export const growth: Scenario = {
  name: "growth",
  async run(): Promise<Section> {
    let served = await serve(CONFIG);
    await configure(served);
    await drive(served, { from: 0, count: 10, batch: 1, inFlight: 1 });
    const rows: string[][] = [];
    let holds = 10;
    for (const size of SIZES) {
      for (; holds < size; holds += BATCH * 10)
        await drive(served, {
          from: holds,
          count: Math.min(BATCH * 10, size - holds),
          batch: 10,
          inFlight: 4,
        });
      holds = Math.max(holds, size);
      progress(`${holds.toLocaleString("en")} holds`);
      const rate = await drive(served, { from: holds, count: MEASURED, batch: BATCH, inFlight: 4 });
      holds += MEASURED;
      const megabytes = residentMegabytes();
      served = await served.restart();
      const startedAt = performance.now();
      await fetch(urlOf(served));
      const startMs = Math.round(performance.now() - startedAt);
      rows.push([size.toLocaleString("en"), perSecond(rate), `${megabytes} MB`, `${startMs} ms`]);
    }
    await served.dispose();
    return {
      title: "What holds that are there cost",
      text: `${MEASURED.toLocaleString("en")} holds in batches of ${BATCH} by RPC, on a SKU that has so many live holds already; memory of the whole runtime after them; then a
restart, and the time to the first answer: the journal replayed, every row of it checked against its hash.`,
      head: ["holds before", "next holds", "runtime's memory", "first answer after a restart"],
      rows,
    };
  },
};

const FINISHED = [0, 100_000, 1_000_000];
/** Held, then sold, before the next are: what is live stays few. */
const WAVE = 10_000;

export const finished: Scenario = {
  name: "finished",
  async run(): Promise<Section> {
    let served = await serve(CONFIG);
    await configure(served);
    const rows: string[][] = [];
    let holds = 0;
    let live = 0;
    for (const size of FINISHED) {
      for (; holds - live < size; holds += WAVE) {
        const wave = { from: holds, count: WAVE, batch: 1_000, inFlight: 2 };
        await drive(served, wave);
        await drive(served, { ...wave, sell: true });
      }
      progress(`${size.toLocaleString("en")} sold`);
      const rate = await drive(served, { from: holds, count: MEASURED, batch: BATCH, inFlight: 4 });
      holds += MEASURED;
      live += MEASURED;
      const megabytes = residentMegabytes();
      served = await served.restart();
      const startedAt = performance.now();
      await fetch(urlOf(served));
      const startMs = Math.round(performance.now() - startedAt);
      rows.push([size.toLocaleString("en"), perSecond(rate), `${megabytes} MB`, `${startMs} ms`]);
    }
    await served.dispose();
    return {
      title: "What finished holds cost",
      text: `As above, on a SKU that has sold so many holds within the hour, ${WAVE.toLocaleString("en")} at a time: what is finished leaves memory for the disk.`,
      head: ["sold before", "next holds", "runtime's memory", "first answer after a restart"],
      rows,
    };
  },
};

/** How long the holds that expire together last: filling takes less. */
const EXPIRING_MS = 120_000;
const SNAPSHOT_HOLDS = 100_000;
const EXPIRING_HOLDS = 500_000;

export const pauses: Scenario = {
  name: "pauses",
  async run(): Promise<Section> {
    const served = await serve(CONFIG);
    const rows: string[][] = [];
    const idle = await longestAnswer(served, "idle", (asked) => asked >= 500);
    rows.push(["nothing", `${idle} ms`]);

    await fill(served, "snapshot", DAY_MS, SNAPSHOT_HOLDS);
    // Made when nobody has asked to change anything for a second.
    const until = performance.now() + 5_000;
    const snapshot = await longestAnswer(served, "snapshot", () => performance.now() > until);
    rows.push([`a snapshot of ${SNAPSHOT_HOLDS.toLocaleString("en")} live holds`, `${snapshot} ms`]);

    await fill(served, "expiry", EXPIRING_MS, EXPIRING_HOLDS);
    const expiry = await longestAnswer(served, "expiry", (_, { held }) => held === 0);
    rows.push([`the end of ${EXPIRING_HOLDS.toLocaleString("en")} holds`, `${expiry} ms`]);
    await served.dispose();
    return {
      title: "The longest that anybody waits",
      text: `One who asks a SKU for its figures, again as soon as there is an answer, and the longest that an answer took while something big happened.`,
      head: ["meanwhile", "longest answer"],
      rows,
    };
  },
};

async function fill(served: Served, sku: string, holdMs: number, count: number): Promise<void> {
  await configure(served, sku, holdMs);
  for (let from = 0; from < count; from += WAVE)
    await drive(served, { from, count: WAVE, batch: 1_000, inFlight: 2 }, sku);
  progress(`${count.toLocaleString("en")} holds`);
}

/** In whole ms. Asks until it has seen enough. */
async function longestAnswer(
  served: Served,
  sku: string,
  isEnough: (asked: number, view: { held: number }) => boolean,
): Promise<number> {
  let longest = 0;
  for (let asked = 1; ; asked++) {
    const startedAt = performance.now();
    const answer = await fetch(urlOf(served, sku));
    const view = (await answer.json<{ held: number } | null>()) ?? { held: 0 };
    longest = Math.max(longest, performance.now() - startedAt);
    if (isEnough(asked, view)) return Math.ceil(longest);
  }
}
