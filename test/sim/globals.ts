import { chanceOf } from "../chance.ts";
import type { Loop } from "./loop.ts";

interface Globals {
  scheduler?: { wait(ms: number, options?: { signal?: AbortSignal }): Promise<void> };
}

/**
 * The Worker's own code takes its time, its chance and its pauses from globals, and writes its log to the console. While a world
 * lives, all of them are that world's. What this answers with puts everything back.
 */
export function takeGlobals(loop: Loop, seed: number): () => void {
  const chance = chanceOf(seed);
  const here = globalThis as unknown as Globals;
  const { scheduler } = here;
  const { now } = Date;
  const { random } = Math;
  const { log, error } = console;
  const bytesBefore = Object.getOwnPropertyDescriptor(crypto, "getRandomValues");
  const { stackTraceLimit } = Error;
  let ids = 0;
  // Most of what is thrown here is thrown on purpose, by the thousand, and caught.
  Error.stackTraceLimit = 0;
  Date.now = () => loop.now;
  Math.random = chance;
  console.log = console.error = () => undefined;
  here.scheduler = { wait: (ms, { signal } = {}) => loop.foreignPause(ms, signal) };
  // Ids are all that the Worker draws bytes for: numbered, they are as different as chance makes them.
  const numbered = (bytes: Uint8Array): Uint8Array => {
    let rest = ++ids;
    for (let at = bytes.length - 1; rest > 0 && at >= 0; rest >>>= 8) bytes[at--] = rest & 255;
    return bytes;
  };
  Object.defineProperty(crypto, "getRandomValues", { value: numbered, configurable: true });
  return () => {
    Date.now = now;
    Math.random = random;
    Error.stackTraceLimit = stackTraceLimit;
    console.log = log;
    console.error = error;
    if (scheduler) here.scheduler = scheduler;
    else delete here.scheduler;
    if (bytesBefore) Object.defineProperty(crypto, "getRandomValues", bytesBefore);
    else delete (crypto as { getRandomValues?: unknown }).getRandomValues;
  };
}
