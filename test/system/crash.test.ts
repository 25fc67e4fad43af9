import { afterAll, expect, test } from "vitest";
import { killAtBoundaries } from "../crash/boundaries.ts";
import { killByChance } from "../crash/by-chance.ts";
import { hasStrace, Victim } from "../crash/victim.ts";

/** The short form of `npm run crash`. */
const victim = await Victim.fresh();
afterAll(() => victim.end());
const tell = (): void => undefined;

test("what anybody was told outlives a SIGKILL, however often, and nothing is there that nobody asked for", async () => {
  await victim.kill();
  const { acknowledged } = await killByChance(victim, {
    cycles: 4,
    sale: "crash",
    chance: Math.random,
    tell,
  });
  expect(acknowledged).toBeGreaterThan(20);
  await victim.kill();
});

test.runIf(hasStrace())("and one at a write or a sync of it", async () => {
  const { boundaries, killed } = await killAtBoundaries(victim, { every: 100, tell });
  expect(boundaries).toBeGreaterThan(1);
  expect(killed).toBeGreaterThan(0);
});
