import type { Server } from "../system/server.ts";
import { ApiDocument, type Operation } from "./document.ts";
import { Values } from "./values.ts";

/** Requests under way at once. */
const WIDTH = 16;
/** After so many the books are looked at. */
const EVERY = 1_000;
const SALE = "fuzz";
const SKU = "lamp-fuzz";
/** What must never be in an answer: where code lies, what SQL says, keys that open something. */
const LEAKS =
  /\bat .{1,80}\.[jt]s:\d+|SQLITE_|D1_ERROR|node_modules|BUYER_TOKEN_SECRET|system-test-(admin|buyer)/;

export interface Finding {
  /** The first request that led to it, as a command. */
  readonly what: string;
  readonly why: string;
  readonly count: number;
}

interface Task {
  readonly requests: number;
  readonly chance: () => number;
  readonly tell: (line: string) => void;
}

/** A request as it is sent. */
interface Shot {
  readonly operation: Operation;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

/** Sends requests by the document and beside it. Answers with what the document does not know, and with what must never be. */
export async function fuzz(
  server: Server,
  { requests, chance, tell }: Task,
): Promise<{ statuses: Record<string, number>; wrong: Finding[] }> {
  const { client } = server;
  const define = () => client.defineSale(SALE, SKU, { stock: 1_000, holdSeconds: 2, perBuyerMax: 3 });
  await define();
  const document = await ApiDocument.at(client.origin);
  const values = new Values(document, chance);
  const tokens = await tokensOf(server);
  const ids = { order: [] as string[] };
  const statuses: Record<string, number> = {};
  const wrong = new Map<string, Finding>();

  const find = (shot: Shot, why: string): void => {
    const key = `${shot.operation.method} ${shot.operation.path}: ${why}`;
    const known = wrong.get(key);
    wrong.set(key, { what: known?.what ?? commandOf(shot), why: key, count: (known?.count ?? 0) + 1 });
  };

  const one = async (): Promise<void> => {
    const shot = shotOf(values, values.pick(document.operations), { origin: client.origin, tokens, ids });
    const { operation, url, headers, body } = shot;
    const answer = await fetch(url, { method: operation.method, headers, body, redirect: "manual" });
    const text = await answer.text();
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    if (LEAKS.test(text)) find(shot, "an answer says what nobody should know");
    if (answer.status >= 500 && answer.status !== 503) find(shot, `the answer is ${answer.status}`);
    const why = document.undocumented(
      operation,
      answer.status,
      answer.headers.get("content-type") ?? "",
      text,
    );
    if (why !== null) find(shot, why);
    if (operation.path === "/v1/orders" && answer.status === 201)
      ids.order.push((JSON.parse(text) as { id: string }).id);
    // A sale of random words would be a sale without the lamp that everybody asks for.
    if (operation.path === "/v1/admin/sales/{sale}" && answer.status === 200) await define();
  };

  for (let sent = 0; sent < requests; sent += EVERY) {
    let left = Math.min(EVERY, requests - sent);
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        while (left-- > 0) await one();
      }),
    );
    const { initial, restocked, available, held, sold } = await client.stock(SKU);
    if (initial + restocked !== available + held + sold || Math.min(available, held, sold) < 0)
      throw new Error(
        `the books are wrong: ${JSON.stringify({ initial, restocked, available, held, sold })}`,
      );
    tell(
      `${Math.min(sent + EVERY, requests)}/${requests} sent, ${wrong.size} findings, ${JSON.stringify(statuses)}`,
    );
  }
  return { statuses, wrong: [...wrong.values()] };
}

interface Tokens {
  readonly buyer: readonly string[];
  readonly staff: readonly string[];
  readonly none: readonly string[];
}

/** Who asks: buyers, staff of every role, nobody, and people with keys that are none. */
async function tokensOf({ client, adminKey }: Server): Promise<Tokens> {
  const staff = await Promise.all(
    ["viewer", "support", "finance"].map(async (role) => {
      const made = await client.call<{ key: string }>("POST", "/v1/admin/staff-keys", adminKey, {
        name: role,
        role,
      });
      return made.body.key;
    }),
  );
  const buyers = await Promise.all(["ann", "bob"].map((buyer) => client.token(buyer)));
  return { buyer: buyers, staff: [...staff, adminKey, adminKey, adminKey], none: ["", "x", `${buyers[0]}x`] };
}

interface World {
  readonly origin: string;
  readonly tokens: Tokens;
  readonly ids: { readonly order: readonly string[] };
}

const KNOWN: Record<string, string> = { sale: SALE, sku: SKU, provider: "sandbox", code: "sold_out" };

function shotOf(values: Values, operation: Operation, { origin, tokens, ids }: World): Shot {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const known = name === "order" ? values.pick([...ids.order.slice(-50), "ord_x"]) : KNOWN[name];
    // An empty part of a path is another path.
    return encodeURIComponent((values.happens(0.8) && known) || wellFormed(values.nasty()) || "x");
  });
  const url = new URL(path, origin);
  for (const { name, in: where, schema } of operation.parameters)
    if (where === "query" && values.happens(0.5)) url.searchParams.set(name, textOf(values.of(schema, 0.2)));
  const fitting = operation.forBuyers ? "buyer" : operation.role !== null ? "staff" : "none";
  const token = values.pick(
    tokens[values.happens(0.85) ? fitting : values.pick(["buyer", "staff", "none"] as const)],
  );
  const headers: Record<string, string> = {
    ...(token !== "" && { authorization: `Bearer ${token}` }),
    ...(values.happens(0.9) && { "idempotency-key": values.happens(0.9) ? crypto.randomUUID() : "a key" }),
  };
  if (operation.method === "GET" || operation.method === "HEAD")
    return { operation, url: url.href, headers, body: null };
  const body = bodyOf(values, operation);
  if (body !== null) headers["content-type"] = values.happens(0.95) ? "application/json" : "text/plain";
  return { operation, url: url.href, headers, body };
}

function bodyOf(values: Values, { body, path }: Operation): string | null {
  if (!body) return values.happens(0.1) ? "{}" : null;
  if (values.happens(0.05))
    return values.pick(["", "{", "[]", "null", '{"a":1}{', "[".repeat(5_000), "x".repeat(70_000)]);
  const made = values.of(body, values.happens(0.5) ? 0 : 0.15);
  // Now and then what a buyer really asks for.
  if (path === "/v1/orders" && values.happens(0.4))
    return JSON.stringify({ sale: SALE, lines: [{ sku: SKU, quantity: values.pick([1, 1, 2, 4]) }] });
  if (path.endsWith("/payments") && values.happens(0.5)) return JSON.stringify({ provider: "sandbox" });
  return JSON.stringify(made) ?? "";
}

const wellFormed = (text: string): string => text.toWellFormed();
const textOf = (value: unknown): string =>
  wellFormed(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

const commandOf = ({ operation, url, headers, body }: Shot): string =>
  [
    `curl -X ${operation.method} '${url}'`,
    ...Object.entries(headers).map(
      ([name, value]) => `-H '${name}: ${name === "authorization" ? "…" : value}'`,
    ),
    ...(body === null ? [] : [`-d '${body.slice(0, 300)}'`]),
  ].join(" ");
