import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { median, progress, type Scenario, type Section } from "../harness.ts";
import { serve, type Served } from "../ours.ts";
import { CONFIG, configure, drive, residentMegabytes, urlOf } from "./decision-worker.ts";

/** Live holds when the object starts, and events in the journal that it has to read then. */
const LIVE = 100_000;
const EVENTS = 1_000_000;
/** Calls of so many, so many at once. */
const BATCH = 100;
const IN_FLIGHT = 4;
const WAVE = 10_000;
const ROUNDS = 5;

type Change = (disk: DatabaseSync) => void;
/** How the SKU's file is changed before it starts. */
const STARTS: readonly [name: string, change: Change][] = [
  ["as it is kept", () => {}],
  ["without any snapshot", (disk) => disk.exec("UPDATE meta SET snapshot = 0")],
];

export const starts: Scenario = {
  name: "starts",
  async run(): Promise<Section> {
    let served = await serve(CONFIG);
    await configure(served);
    const sold = (EVENTS - LIVE) / 2;
    for (let from = 0; from < sold; from += WAVE) {
      await drive(served, { from, count: WAVE, batch: BATCH, inFlight: IN_FLIGHT });
      await drive(served, { from, count: WAVE, batch: BATCH, inFlight: IN_FLIGHT, sell: true });
    }
    await drive(served, { from: sold, count: LIVE, batch: BATCH, inFlight: IN_FLIGHT });
    const rows: string[][] = [];
    let journal = 0;
    for (const [name, change] of STARTS) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        served = await served.restart((stateDir) => {
          journal = alter(stateDir, change);
        });
        times.push(await firstAnswerMs(served));
      }
      progress(`${journal.toLocaleString("en")} rows ${name}: ${times.join(", ")} ms`);
      rows.push([name, `${median(times)} ms`, `${residentMegabytes()} MB`]);
    }
    await served.dispose();
    return {
      title: "What a start costs",
      text: `A restart of the runtime, and the time to the first answer of a SKU with ${LIVE.toLocaleString("en")} live holds, ${sold.toLocaleString("en")} sold ones and a journal of ${EVENTS.toLocaleString("en")} events in ${journal.toLocaleString("en")} rows;
then the same with its snapshots taken away, so that every row is read, checked against its hash and applied. Medians of ${ROUNDS} starts.`,
      head: ["start", "first answer", "runtime's memory"],
      rows,
    };
  },
};

/** Changes the file of the one SKU while nobody serves it, and keeps its alarm from waking it. Answers with the rows of its journal. */
function alter(stateDir: string, change: Change): number {
  const dir = join(stateDir, "v3/do/doorbuster-SkuActor");
  let journal = 0;
  for (const file of readdirSync(dir).filter((name) => name.endsWith(".sqlite"))) {
    const disk = new DatabaseSync(join(dir, file));
    if (file === "metadata.sqlite") disk.exec("DELETE FROM _cf_ALARM");
    else {
      journal = Number(disk.prepare("SELECT MAX(seq) AS seq FROM journal").get()?.["seq"]);
      change(disk);
    }
    disk.close();
  }
  return journal;
}

async function firstAnswerMs(served: Served): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(urlOf(served));
  const { held } = await answer.json<{ held: number }>();
  if (held !== LIVE) throw new Error(`${held} are held`);
  return Math.round(performance.now() - startedAt);
}
