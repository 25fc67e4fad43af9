import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import * as fc from "fast-check";
import { vi } from "vitest";
import { poison, wholesome } from "./poison.ts";

/** Before anything happens. Alarms keep the real clock, which does not come to it. */
export const STARTS = Date.parse("2060-01-01");
const SEQUENCES = 20;
const COMMANDS = 20;

/** A thing in memory and its object in the real runtime: the same is asked of both, and both must be alike. */
export interface Twins<Model extends { now: number }, Real, Ask> {
  readonly ask: fc.Arbitrary<Ask>;
  readonly waitMsMax: number;
  /** The table that each of its commits writes to. */
  readonly table: string;
  /** Whether that is there: an object that has stored nothing has none. */
  hasTable(model: Readonly<Model>): boolean;
  /** A fresh one each time: a stub that has seen its object die stays broken. */
  stubOf(real: Real): DurableObjectStub;
  /** Puts the same to both, so many times at once, and expects the same answers. */
  put(model: Model, real: Real, ask: Ask, times: number): Promise<void>;
  /** Puts it to an object that cannot store. What is answered all the same must have had nothing to store. */
  putInVain(model: Model, real: Real, ask: Ask): Promise<void>;
  /** The object has left memory, with all that was only there: the model forgets it as well. */
  revive(model: Model, real: Real): Promise<void>;
  compare(model: Model, real: Real): Promise<void>;
}

/** Lives through sequences of questions, disturbances and commits that fail. `SEED=n` lives through others. */
export async function liveAlike<Model extends { now: number }, Real, Ask, Facts>(
  twins: Twins<Model, Real, Ask>,
  facts: fc.Arbitrary<Facts>,
  make: (facts: Facts) => Promise<{ model: Model; real: Real }>,
): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"] });
  const commands = fc.commands(
    [
      fc.tuple(twins.ask, fc.constantFrom(1, 1, 1, 3)).map(([ask, times]) => asked(twins, ask, times)),
      fc
        .tuple(
          fc.constantFrom("wait", "evict", "abort" as const),
          fc.integer({ min: 1, max: twins.waitMsMax }),
        )
        .map(([how, ms]) => disturbed(twins, how, ms)),
      twins.ask.map((ask) => notStored(twins, ask)),
    ],
    { maxCommands: COMMANDS, size: "max" },
  );
  const property = fc.asyncProperty(facts, commands, async (some, sequence) => {
    await fc.asyncModelRun(() => {
      vi.setSystemTime(STARTS);
      return make(some);
    }, sequence);
  });
  await fc.assert(property, { numRuns: SEQUENCES, seed: Number(process.env["SEED"] ?? 1) });
}

const asked = <Model extends { now: number }, Real, Ask>(
  twins: Twins<Model, Real, Ask>,
  ask: Ask,
  times: number,
): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  async run(model, real) {
    await twins.put(model, real, ask, times);
    await twins.compare(model, real);
  },
  toString: () => `${JSON.stringify(ask)} x ${times}`,
});

/** Time passes, the object leaves memory or is aborted: nothing may be lost. */
const disturbed = <Model extends { now: number }, Real, Ask>(
  twins: Twins<Model, Real, Ask>,
  how: "wait" | "evict" | "abort",
  ms: number,
): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  async run(model, real) {
    if (how === "wait") {
      model.now += ms;
      vi.setSystemTime(model.now);
    } else {
      await (how === "evict" ? evictDurableObject(twins.stubOf(real)) : abortAllDurableObjects());
      await twins.revive(model, real);
    }
    await twins.compare(model, real);
  },
  toString: () => `${how} ${ms}`,
});

/** What cannot be stored never happened, and nobody was told that it did. */
const notStored = <Model extends { now: number }, Real, Ask>(
  twins: Twins<Model, Real, Ask>,
  ask: Ask,
): fc.AsyncCommand<Model, Real> => ({
  check: (model) => twins.hasTable(model),
  async run(model, real) {
    await poison(twins.stubOf(real), twins.table);
    await twins.putInVain(model, real, ask);
    await wholesome(twins.stubOf(real));
    await twins.revive(model, real);
    await twins.compare(model, real);
  },
  toString: () => `not stored: ${JSON.stringify(ask)}`,
});
