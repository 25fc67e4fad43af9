import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

/** Sends prepared requests over kept-alive connections, one at a time on each, and counts what comes back. */

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly requests: readonly string[];
}

export interface Loaded {
  readonly tookMs: number;
  readonly statuses: Record<string, number>;
  /** How long an answer took, of half and of 99 in a hundred of them. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const HEAD_END = "\r\n\r\n";

function run({ port, connections, requests }: Load): Promise<Loaded> {
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      let pending = "";
      let sentAt = 0;
      const send = (): void => {
        const request = requests[next++];
        sentAt = performance.now();
        if (request === undefined) {
          resolve();
          socket.end();
        } else socket.write(request);
      };
      socket.setNoDelay(true);
      socket.setEncoding("latin1");
      socket.once("connect", send);
      socket.on("error", reject);
      // A server that hangs up owes an answer: without this the rest would wait for it for good.
      socket.once("close", () => reject(new Error("hung up before its answer")));
      socket.on("data", (text: string) => {
        pending += text;
        const head = pending.indexOf(HEAD_END);
        if (head < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(pending.slice(0, head))?.[1] ?? NaN);
        if (Number.isNaN(length))
          return reject(new Error(`an answer without a length: ${pending.slice(0, head)}`));
        if (pending.length < head + HEAD_END.length + length) return;
        const status = pending.slice(9, 12);
        statuses[status] = (statuses[status] ?? 0) + 1;
        latencies.push(performance.now() - sentAt);
        pending = "";
        send();
      });
    });
  return Promise.all(Array.from({ length: connections }, one)).then(() => {
    const tookMs = performance.now() - startedAt;
    const sorted = latencies.toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
    return { tookMs, statuses, p50Ms: at(0.5), p99Ms: at(0.99) };
  });
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
parentPort?.postMessage(await run(workerData as Load));
