import type { TestProject } from "vitest/node";
import { record, type Recording } from "../sim/tape.ts";

/** Sales of the simulation whose objects are asked the same again in the real runtime. */
const SEEDS = [3, 8, 21, 34, 55];
const BUYERS = 16;

declare module "vitest" {
  interface ProvidedContext {
    recordings: Recording[];
  }
}

/** `TAPES=off` leaves them out, where many runs in turn look at something else: they take longer than starting the runtime. */
export async function setup(project: TestProject): Promise<void> {
  const recordings: Recording[] = [];
  if (process.env["TAPES"] === "off") return project.provide("recordings", recordings);
  // One after the other: a world that lives has the clock of the whole process.
  for (const seed of SEEDS) recordings.push(await record(seed, BUYERS));
  project.provide("recordings", JSON.parse(JSON.stringify(recordings)) as Recording[]);
}
