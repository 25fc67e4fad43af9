import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inParallel } from "../../worker/local/client.ts";
import { verify } from "./receipt.ts";
import { Script } from "./script.ts";
import type { Victim } from "./victim.ts";

const LOG_FILE = join(tmpdir(), `doorbuster-boundaries-${process.pid}`);
/** A script that has not come to its boundary after so long will not. */
const PLAY_MS_MAX = 20_000;
/** Many: some of them wait for minutes, and nobody works meanwhile. */
const SCRIPTS_AT_ONCE = 16;

/** The n-th call of one kind. */
interface Boundary {
  readonly call: string;
  readonly nth: number;
}

export interface AtBoundaries {
  readonly boundaries: number;
  /** Those where the kill came. A script does not always write in the same pieces: the last few may not come. */
  readonly killed: number;
}

/**
 * Plays a script once and writes down each write and sync of it; then plays it again for each of them, and kills the server at
 * its door. After each kill what was told is compared with what is there. Once all is over each script is played to its end.
 *
 * @param every takes one boundary of so many, for a short form.
 */
export async function killAtBoundaries(
  victim: Victim,
  { every = 1, tell }: { every?: number; tell: (line: string) => void },
): Promise<AtBoundaries> {
  const boundaries = (await boundariesOf(victim)).filter((_, index) => index % every === 0);
  tell(`a scripted sale writes and syncs at ${boundaries.length * every} places`);
  const scripts: Script[] = [];
  let killed = 0;
  for (const { call, nth } of boundaries) {
    const script = new Script(victim.client, `script-${call}-${nth}`);
    scripts.push(script);
    await script.open();
    if (await dies(victim, script, { call, nth })) killed++;
    await victim.kill();
    await victim.start();
    await script.look();
    tell(`${scripts.length}/${boundaries.length} killed at ${call} ${nth}, 0 lost`);
  }
  await inParallel(scripts, SCRIPTS_AT_ONCE, async (script) => {
    await script.play();
    await script.checkTheEnd();
    await verify(victim.client, script.sale);
  });
  return { boundaries: boundaries.length, killed };
}

/** Every write and sync of a whole play. */
async function boundariesOf(victim: Victim): Promise<Boundary[]> {
  await victim.start();
  const script = new Script(victim.client, "script-whole");
  await script.open();
  const tracer = await victim.trace("-o", LOG_FILE);
  await script.play();
  tracer.kill("SIGINT");
  await once(tracer, "exit");
  const calls = readFileSync(LOG_FILE, "utf8").split("\n");
  rmSync(LOG_FILE);
  const counts = new Map<string, number>();
  return calls.flatMap((line) => {
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
    if (!call) return [];
    const nth = (counts.get(call) ?? 0) + 1;
    counts.set(call, nth);
    return [{ call, nth }];
  });
}

/** Plays until the boundary. True when the server died at it, false when the script came to its end before. */
async function dies(victim: Victim, script: Script, { call, nth }: Boundary): Promise<boolean> {
  const tracer = await victim.trace("-o", "/dev/null", "-e", `inject=${call}:signal=SIGKILL:when=${nth}`);
  const late = setTimeout(() => void victim.kill(), PLAY_MS_MAX);
  try {
    await script.play();
    return false;
  } catch (cause) {
    await victim.settled();
    if (victim.isAlive()) throw cause;
    return true;
  } finally {
    clearTimeout(late);
    tracer.kill("SIGINT");
  }
}
