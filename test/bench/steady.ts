import { connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

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

export interface Timed {
  readonly statuses: Record<string, number>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How many a second were answered. */
  readonly rate: number;
}

const HEAD_END = "\r\n\r\n";

/** One connection, with one request at a time. */
class Line {
  readonly #socket: Socket;
  readonly #onAnswer: (status: string) => void;
  #pending = "";

  constructor(
    socket: Socket,
    onAnswer: (status: string, line: Line) => void,
    onLost: (error: Error) => void,
  ) {
    this.#socket = socket;
    this.#onAnswer = (status) => onAnswer(status, this);
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#read(text));
    socket.once("error", onLost);
    socket.once("close", () => onLost(new Error("hung up before its answer")));
  }

  send(request: string): void {
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.end();
  }

  #read(text: string): void {
    this.#pending += text;
    const head = this.#pending.indexOf(HEAD_END);
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#pending.slice(0, head))?.[1] ?? NaN);
    if (Number.isNaN(length)) throw new Error(`an answer without a length: ${this.#pending.slice(0, head)}`);
    if (this.#pending.length < head + HEAD_END.length + length) return;
    const status = this.#pending.slice(9, 12);
    this.#pending = "";
    this.#onAnswer(status);
  }
}

const opened = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });

async function run({ port, rate, connections, requests }: Steady): Promise<Timed> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => opened(port)));
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  const dueOf = new Map<Line, number>();
  let next = 0;
  let startedAt = 0;
  const dueAt = (at: number): number => startedAt + (at / rate) * 1_000;
  const { promise: ended, resolve: end, reject: lose } = Promise.withResolvers<void>();
  const free = sockets.map(
    (socket) =>
      new Line(
        socket,
        (status, line) => {
          statuses[status] = (statuses[status] ?? 0) + 1;
          latencies.push(performance.now() - (dueOf.get(line) ?? 0));
          free.push(line);
          if (latencies.length === requests.length) end();
          else sendDue();
        },
        lose,
      ),
  );
  const sendDue = (): void => {
    const now = performance.now();
    while (next < requests.length && free.length > 0 && dueAt(next) <= now) {
      const line = free.pop();
      const request = requests[next];
      if (!line || request === undefined) return;
      dueOf.set(line, dueAt(next++));
      line.send(request);
    }
  };
  startedAt = performance.now();
  // Timers are a millisecond apart at best: whatever has become due since is sent together, and timed from when it was due.
  const clock = setInterval(sendDue, 1);
  await ended;
  clearInterval(clock);
  const tookMs = performance.now() - startedAt;
  for (const line of free) line.end();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
  return { statuses, p50Ms: at(0.5), p99Ms: at(0.99), rate: (requests.length / tookMs) * 1_000 };
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node, not a window
parentPort?.postMessage(await run(workerData as Steady));
