import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";

/** A kept-alive connection with one request at a time, and no more of HTTP than a load needs: an answer's status and its end. */
export class Line {
  readonly #socket: Socket;
  #text = "";
  #asked: PromiseWithResolvers<string> | null = null;
  #lost: Error | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#read(text));
    socket.once("error", (cause) => this.#lose(cause));
    // A server that hangs up owes an answer: without this the rest would wait for it for good.
    socket.once("close", () => this.#lose(new Error("hung up before its answer")));
  }

  static open(port: number): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(new Line(socket)));
      socket.once("error", reject);
    });
  }

  /** Answers with the status. */
  ask(request: string): Promise<string> {
    if (this.#lost) return Promise.reject(this.#lost);
    this.#asked = Promise.withResolvers();
    this.#socket.write(request);
    return this.#asked.promise;
  }

  end(): void {
    this.#socket.end();
  }

  #read(text: string): void {
    this.#text += text;
    const head = this.#text.indexOf(HEAD_END);
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#text.slice(0, head))?.[1] ?? NaN);
    if (Number.isNaN(length))
      return this.#lose(new Error(`an answer without a length: ${this.#text.slice(0, head)}`));
    if (this.#text.length < head + HEAD_END.length + length) return;
    const status = this.#text.slice(9, 12);
    this.#text = "";
    this.#asked?.resolve(status);
    this.#asked = null;
  }

  #lose(cause: Error): void {
    this.#lost ??= cause;
    this.#asked?.reject(this.#lost);
    this.#asked = null;
  }
}
