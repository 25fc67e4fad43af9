import { parentPort, workerData } from "node:worker_threads";
import { Answers, type Answered } from "./answered.ts";
import { Line } from "./line.ts";

/**
 * Sends prepared requests at a fixed rate, whatever comes back, and times each from the moment it should have been sent: a server
 * that stalls is charged for everybody who would have come meanwhile. A thread of its own.
 */

export interface Steady {
  readonly port: number;
  /** Requests a second. */
  readonly rate: number;
  /** Requests under way at once; more wait for a free connection, and their time runs. */
  readonly connections: number;
  readonly requests: readonly string[];
}

export interface Timed extends Answered {
  /** How many a second were answered. */
  readonly rate: number;
}

async function run({ port, rate, connections, requests }: Steady): Promise<Timed> {
  const free = await Promise.all(Array.from({ length: connections }, () => Line.open(port)));
  const answers = new Answers();
  const { promise: ended, resolve: end, reject: lose } = Promise.withResolvers<void>();
  const startedAt = performance.now();
  const dueAt = (at: number): number => startedAt + (at / rate) * 1_000;
  let next = 0;
  const send = async (line: Line, request: string, due: number): Promise<void> => {
    answers.add(await line.ask(request), performance.now() - due);
    free.push(line);
    if (answers.count === requests.length) end();
    else sendDue();
  };
  const sendDue = (): void => {
    const now = performance.now();
    while (next < requests.length && free.length > 0 && dueAt(next) <= now) {
      const line = free.pop();
      const request = requests[next];
      if (!line || request === undefined) return;
      send(line, request, dueAt(next++)).catch(lose);
    }
  };
  // Timers are a millisecond apart at best: whatever has become due since is sent together, and timed from when it was due.
  const clock = setInterval(sendDue, 1);
  await ended;
  clearInterval(clock);
  const tookMs = performance.now() - startedAt;
  for (const line of free) line.end();
  return { ...answers.end(), rate: (requests.length / tookMs) * 1_000 };
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
parentPort?.postMessage(await run(workerData as Steady));
