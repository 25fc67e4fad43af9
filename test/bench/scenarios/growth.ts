import { perSecond, progress, type Scenario, type Section } from "../harness.ts";
import { serve, type Restartable } from "../ours.ts";
import { CONFIG, configure, drive, residentMegabytes, urlOf } from "./decision-worker.ts";

/** What holds that are there already cost the next one, and what they cost a start. */
const SIZES = [10, 1_000, 100_000, 1_000_000];
const MEASURED = 20_000;
const BATCH = 100;

/** Takes the next holds, restarts, and says how fast they were, what memory there was after them and how long the start took. */
async function nextHolds(served: Restartable, from: number) {
  const rate = await drive(served, { from, count: MEASURED, batch: BATCH, inFlight: 4 });
  const megabytes = residentMegabytes();
  const restarted = await served.restart();
  const startedAt = performance.now();
  await fetch(urlOf(restarted));
  const startMs = Math.round(performance.now() - startedAt);
  return { served: restarted, figures: [perSecond(rate), `${megabytes} MB`, `${startMs} ms`] };
}

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
      const next = await nextHolds(served, holds);
      holds += MEASURED;
      served = next.served;
      rows.push([size.toLocaleString("en"), ...next.figures]);
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
      const next = await nextHolds(served, holds);
      holds += MEASURED;
      live += MEASURED;
      served = next.served;
      rows.push([size.toLocaleString("en"), ...next.figures]);
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
