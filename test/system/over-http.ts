import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** An emulator on a port, for clients that nobody can hand a function to. */
export async function overHttp(
  answer: (request: Request) => Promise<Response>,
): Promise<{ port: number; close: () => void }> {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const said = await answer(await requestOf(incoming));
      outgoing.writeHead(said.status, Object.fromEntries(said.headers));
      outgoing.end(Buffer.from(await said.arrayBuffer()));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function requestOf(incoming: IncomingMessage): Promise<Request> {
  const { method = "GET", url = "/", headers } = incoming;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return new Request(`http://127.0.0.1${url}`, {
    method,
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
    body: method === "GET" ? null : Buffer.concat(chunks),
  });
}
