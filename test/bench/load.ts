import { parentPort, workerData } from "node:worker_threads";
import { Answers, type Answered } from "./answered.ts";
import { Line } from "./line.ts";

/** Sends prepared requests over kept-alive connections, one at a time on each, and counts what comes back. A thread of its own. */

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly requests: readonly string[];
}

export interface Loaded extends Answered {
  readonly tookMs: number;
}

async function run({ port, connections, requests }: Load): Promise<Loaded> {
  const answers = new Answers();
  let next = 0;
  const one = async (): Promise<void> => {
    const line = await Line.open(port);
    for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
      const sentAt = performance.now();
      answers.add(await line.ask(request), performance.now() - sentAt);
    }
    line.end();
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: connections }, one));
  const tookMs = performance.now() - startedAt;
  return { ...answers.end(), tookMs };
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
parentPort?.postMessage(await run(workerData as Load));
