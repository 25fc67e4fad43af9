import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { receiptOf } from "../../worker/local/export-receipt.ts";
import { SECRETS, Server, until } from "./server.ts";

const VERIFIER = join(import.meta.dirname, "../receipt/verify.mjs");
const FLIPS = 150;
const ROOT_HASH = "0".repeat(64);

let server: Server;
let dir: string;
let receipt: string[];

interface Line {
  kind: string;
  [field: string]: any; // oxlint-disable-line typescript/no-explicit-any -- whoever forges a line changes what they like
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "doorbuster-receipt-"));
  server = await Server.fresh();
  const { client } = server;
  await client.defineSale("proof", "lamp-proof", { stock: 20, holdSeconds: 3, perBuyerMax: 2 });
  const paid: string[] = [];
  for (let n = 0; n < 8; n++) {
    const token = await client.token(`buyer-${n}`);
    const { body } = await client.order(token, "proof", "lamp-proof");
    // Two walk away, one gives up, the others pay.
    if (n === 6) await client.call("POST", `/v1/orders/${body.id}/cancel`, token);
    if (n >= 4) continue;
    const payment = await client.startPayment(token, body.id);
    await client.approve(payment ?? "");
    const read = async () => (await client.read(token, body.id)).body.state;
    await until("it is paid", 10_000, read, (state) => state === "paid");
    paid.push(body.id);
  }
  const refund = { reason: "scratched", amount: { amount: 900, currency: "CNY" } };
  await client.call("POST", `/v1/admin/orders/${paid[0]}/refunds`, SECRETS.ADMIN_KEY, refund);
  await client.call("POST", `/v1/admin/orders/${paid[1]}/refunds`, SECRETS.ADMIN_KEY, { reason: "all" });
  const states = async () => {
    const orders = await client.orders("proof");
    return orders
      .map(({ state, refunds }) => `${state} ${refunds.map((one) => one.state).join()}`)
      .toSorted((a, b) => (a < b ? -1 : 1));
  };
  const ended = [
    "expired ",
    "expired ",
    "expired ",
    "expired ",
    "paid ",
    "paid ",
    "paid succeeded",
    "refunded succeeded",
  ];
  await until("all has ended", 30_000, states, (seen) => JSON.stringify(seen) === JSON.stringify(ended));
  receipt = [];
  for await (const line of receiptOf(client, "proof")) receipt.push(line);
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

function verified(content: string | Buffer): { status: number | null; said: string } {
  const file = join(dir, "some.receipt");
  writeFileSync(file, content);
  const { status, stdout, stderr } = spawnSync(process.execPath, [VERIFIER, file], { encoding: "utf8" });
  return { status, said: `${stdout}${stderr}`.trim() };
}

const textOf = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** The receipt as somebody would forge it who knows how it is made: every hash of every line, and of every row, is right. */
function forged(change: (lines: Line[]) => Line[]): string {
  const lines = change(receipt.map((line) => JSON.parse(line.slice(65)) as Line));
  let hash = ROOT_HASH;
  const ends = new Map<string, { seq: number; hash: string }>();
  const chained = (name: string, row: Line, fields: string[]): Line => {
    const { seq: last, hash: prev } = ends.get(name) ?? { seq: 0, hash: ROOT_HASH };
    const seq = last + 1;
    const link = sha256([prev, seq, ...fields.map((field) => row[field] as string)].join("\n"));
    ends.set(name, { seq, hash: link });
    return { ...row, seq, prev, hash: link };
  };
  const written = lines.map((said, at) => {
    let line = said;
    if (line.kind === "row") line = chained(line["sku"] as string, line, ["at", "body"]);
    if (line.kind === "entry") {
      const row = chained(line["order"] as string, line["row"] as Line, ["at", "kind", "type", "detail"]);
      line = { ...line, row };
    }
    if (line.kind === "end") line = { ...line, lines: at + 1 };
    const json = JSON.stringify(line);
    hash = sha256(hash + json);
    return `${hash} ${json}`;
  });
  return textOf(written);
}

const rowsWith = (lines: Line[], change: (events: unknown[]) => unknown[]): Line[] =>
  lines.map((line) =>
    line.kind === "row"
      ? { ...line, body: JSON.stringify(change(JSON.parse(line["body"] as string) as unknown[])) }
      : line,
  );

/** The entries of all histories, changed: each is given with its order, and what it says. */
const entriesWith = (lines: Line[], change: (row: Line, order: string) => Line[]): Line[] =>
  lines.flatMap((line) =>
    line.kind === "entry"
      ? change(line["row"] as Line, line["order"] as string).map((row) => ({ ...line, row }))
      : [line],
  );
const without = (type: string) => (lines: Line[]) =>
  entriesWith(lines, (row) => (row["type"] === type ? [] : [row]));
const saying = (type: string, what: string, instead: string) => (lines: Line[]) =>
  entriesWith(lines, (row) =>
    row["type"] === type ? [{ ...row, detail: (row["detail"] as string).replace(what, instead) }] : [row],
  );

test("the receipt of a sale as it was verifies, written anew as well", () => {
  expect(verified(textOf(receipt))).toEqual({
    status: 0,
    said: expect.stringContaining("8 orders, 5 histories, sold lamp-proof 4 of 20"),
  });
  expect(verified(forged((lines) => lines)).status).toBe(0);
});

test("with any byte changed it does not, and the line that was changed is named", () => {
  const bytes = Buffer.from(textOf(receipt));
  for (let n = 0; n < FLIPS; n++) {
    const at = Math.floor((n * bytes.length) / FLIPS) + (n % 7);
    const touched = Buffer.from(bytes);
    touched[at] = (touched[at] ?? 0) ^ 1;
    const line = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;
    const { status, said } = verified(touched);
    expect(status, `byte ${at}`).toBe(1);
    // A line feed that is none any more joins two lines, and one more makes two of one.
    expect(said, `byte ${at}`).toMatch(new RegExp(`^line ${line}:`));
  }
});

test("cut short, with a line left out, doubled or moved, it does not", () => {
  const [first = "", second = "", ...rest] = receipt;
  for (const lines of [
    receipt.slice(0, -1),
    [first, ...rest],
    [first, second, second, ...rest],
    [first, ...rest, second],
  ])
    expect(verified(textOf(lines)).status).toBe(1);
});

test.for<[string, (lines: Line[]) => Line[], RegExp]>([
  [
    "a unit sold twice",
    (lines) =>
      rowsWith(lines, (events) =>
        events.flatMap((event) => (Array.isArray(event) && event[0] === "sold" ? [event, event] : [event])),
      ),
    /is not held/,
  ],
  [
    "a unit that nobody ordered",
    (lines) =>
      rowsWith(lines, (events) =>
        events.flatMap((event) =>
          Array.isArray(event) && event[0] === "held"
            ? [event, ["held", "ord_nobody", "buyer-x", 1, 9e15]]
            : [event],
        ),
      ),
    /held twice|no order of this receipt/,
  ],
  [
    "more units than a buyer may have",
    (lines) =>
      rowsWith(lines, (events) =>
        events.map((event) => (Array.isArray(event) && event[0] === "held" ? event.with(3, 3) : event)),
      ),
    /may have 2/,
  ],
  [
    "less stock than was sold",
    (lines) =>
      rowsWith(lines, (events) =>
        events.map((event) =>
          (event as Line)["type"] === "configured" ? { ...(event as Line), initial: 1 } : event,
        ),
      ),
    /free units/,
  ],
  [
    "another price",
    (lines) =>
      lines.map((line) =>
        line.kind === "order"
          ? { ...line, lines: [{ ...line["lines"][0], unit_price: { amount: 1, currency: "CNY" } }] }
          : line,
      ),
    /never its price/,
  ],
  [
    "an order left out",
    (lines) =>
      lines.filter(
        (line, at) => line.kind !== "order" || at !== lines.findIndex(({ kind }) => kind === "order"),
      ),
    /not in this receipt|no order of this receipt/,
  ],
  [
    "an order that says it is paid, and is not",
    (lines) => lines.map((line) => (line["state"] === "expired" ? { ...line, state: "paid" } : line)),
    /is paid, and/,
  ],
  [
    "money that the bank has and no order knows",
    (lines) =>
      lines.map((line) => (line.kind === "payment" ? { ...line, reference: `${line["reference"]}x` } : line)),
    /never started/,
  ],
  [
    "money that was kept although it was to go back",
    (lines) =>
      lines.map((line) =>
        line.kind === "payment" && line["refunded"].amount > 0
          ? { ...line, refunded: { amount: 0, currency: "CNY" } }
          : line,
      ),
    /should keep/,
  ],
  ["an order that was never paid", without("payment_succeeded"), /before anybody had paid/],
  ["an order paid with another sum", saying("payment_succeeded", "19900", "1"), /its history says it is not/],
  ["money that went back to nobody", without("refund_succeeded"), /its history says it is not/],
  ["a refund that nobody asked for", without("refund_payment"), /refunds of .* are not those of its history/],
  [
    "a payment under another name",
    (lines) =>
      lines.map((line) =>
        line.kind === "order" && line["state"] === "paid"
          ? { ...line, payments: line["payments"].map((one: Line) => ({ ...one, id: `${one["id"]}x` })) }
          : line,
      ),
    /payments of .* are not those of its history/,
  ],
  [
    "a payment that nobody started",
    without("payment_started"),
    /payments of .* are not those of its history/,
  ],
  ["an end that no history led to", without("paid"), /its history says paying|and was paying/],
  ["a way that no order may go", saying("paid", '"from":"paying"', '"from":"refunded"'), /and was paying/],
  [
    "an order that has lost its history",
    (lines) => lines.filter(({ kind }) => kind !== "entry"),
    /its history says pending/,
  ],
  [
    "a history that nobody ordered",
    (lines) => [
      ...lines.slice(0, -1),
      ...lines
        .filter(({ kind }) => kind === "entry")
        .slice(0, 1)
        .map((line) => ({ ...line, order: "ord_x" })),
      ...lines.slice(-1),
    ],
    /the history of ord_x has no order/,
  ],
])("forged with every hash made right, it is found out: %s", ([, change, why]) => {
  const { status, said } = verified(forged(change));
  expect(said).toMatch(why);
  expect(status).toBe(1);
});
