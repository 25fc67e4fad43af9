import { describe, expect, test } from "vitest";
import { ApiDocument, nameOf, type Operation } from "../../fuzz/document.ts";
import { ADMIN, call, fresh, line, ORIGIN, sale, tokenOf, type Answered } from "../../routes/shop.ts";

/**
 * OWASP API1:2023, ASVS 5.0 8.2.2, 8.3.1, 2.3.1: somebody else's order, asked for at every door that a buyer has. It is told apart from one that
 * never was by nothing that an answer holds.
 */

const document = new ApiDocument((await call("/openapi.json")).body);
const doors = document.operations.filter(({ path, forBuyers }) => forBuyers && path.includes("{order}"));
const NEVER = "ord_01kbp3x9a1f6m2q8wr0e5tnh7c";

async function ordered(token: string): Promise<string> {
  const { id, sku } = await sale([5]);
  return (await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } })).body.id;
}

const ask = ({ method, path }: Operation, order: string, facts: object): Promise<Answered> =>
  call(path.replace("{order}", order), {
    method,
    ...(path.endsWith("/payments") && { body: { provider: "sandbox" } }),
    ...facts,
  });

/** An answer without what names the request itself. */
const plain = ({ status, headers, body }: Answered, order: string) => ({
  status,
  names: [...headers.keys()].toSorted(),
  body: JSON.stringify({ ...body, request_id: "" }).replaceAll(order, ""),
});

describe("an order of somebody else", () => {
  test("is asked for at each door there is", () => {
    expect(doors.map(nameOf)).toEqual([
      "GET /v1/orders/{order}",
      "POST /v1/orders/{order}/payments",
      "POST /v1/orders/{order}/cancel",
    ]);
  });

  test.for(doors.map((door) => [nameOf(door), door] as const))(
    "%s: is told apart from none by nothing, and is not touched",
    async ([, door]) => {
      const owner = await tokenOf(fresh("owner"));
      const stranger = await tokenOf(fresh("stranger"));
      const order = await ordered(owner);
      const cookie = { token: null, headers: { cookie: `__Host-buyer=${stranger}`, origin: ORIGIN } };
      for (const facts of [{ token: stranger }, cookie]) {
        const theirs = await ask(door, order, facts);
        expect(theirs.status).toBe(404);
        expect(plain(theirs, order)).toEqual(plain(await ask(door, NEVER, facts), NEVER));
      }
      expect((await call(`/v1/orders/${order}`, { token: owner })).body).toMatchObject({
        state: "pending",
        version: 1,
      });
    },
  );

  test.for(["", "/pay"])("its page%s shows nothing of it", async (page) => {
    const order = await ordered(await tokenOf(fresh("owner")));
    const headers = {
      cookie: `__Host-buyer=${await tokenOf(fresh("stranger"))}`,
      accept: "text/html",
      origin: ORIGIN,
    };
    const theirs = await call(`/orders/${order}${page}`, { headers });
    const none = await call(`/orders/${NEVER}${page}`, { headers });
    expect([theirs.status, none.status]).toEqual([404, 404]);
    const text = (answer: Answered, id: string) =>
      String(answer.body)
        .replaceAll(id, "")
        .replaceAll(answer.headers.get("x-request-id") ?? "?", "")
        .replaceAll(/data-server-time="[^"]*"/g, "");
    expect(text(theirs, order)).toBe(text(none, NEVER));
  });

  test.for(["pay", "cancel"])("the form %s of its page does nothing", async (press) => {
    const owner = await tokenOf(fresh("owner"));
    const order = await ordered(owner);
    const stranger = { cookie: `__Host-buyer=${await tokenOf(fresh("stranger"))}`, origin: ORIGIN };
    const raw = new URLSearchParams({ provider: "sandbox", method: "bank", key: fresh("key") });
    const { status } = await call(`/orders/${order}/${press}`, { method: "POST", raw, headers: stranger });
    expect(status).toBe(404);
    expect((await call(`/v1/orders/${order}`, { token: owner })).body.state).toBe("pending");
  });

  test("is not found by a name that only looks like it", async () => {
    const token = await tokenOf(fresh("owner"));
    const order = await ordered(token);
    for (const name of [
      order.toUpperCase(),
      `${order} `,
      `${order}\0`,
      `${order}/`,
      order.slice(0, -1),
      `pay_${order.slice(4)}01`,
      "%2e%2e",
      "*",
    ]) {
      const { status } = await call(`/v1/orders/${encodeURIComponent(name)}`, { token });
      expect(status, name).toBe(404);
    }
  });
});

describe("a key", () => {
  const pay = (order: string, token: string, key: string) =>
    call(`/v1/orders/${order}/payments`, { token, key, body: { provider: "sandbox" } });

  test("belongs to one thing: the same one for an order and its payment, or for two orders, is no replay of the other", async () => {
    const token = await tokenOf(fresh("owner"));
    const key = fresh("key");
    const [one, other] = [await ordered(token), await ordered(token)];
    const [first, second] = [await pay(one, token, key), await pay(other, token, key)];
    expect([first.status, second.status, second.headers.get("idempotent-replayed")]).toEqual([
      201,
      201,
      null,
    ]);
    expect([first.body.order, second.body.order]).toEqual([one, other]);
  });

  test("of somebody else tells nothing of what it was used for", async () => {
    const { id, sku } = await sale([5]);
    const key = fresh("key");
    const body = { sale: id, lines: [line(sku)] };
    const [mine, theirs] = await Promise.all([tokenOf(fresh("one")), tokenOf(fresh("other"))]);
    const first = await call("/v1/orders", { token: mine, key, body });
    const second = await call("/v1/orders", { token: theirs, key, body });
    const third = await call("/v1/orders", {
      token: await tokenOf(fresh("third")),
      key,
      body: { ...body, lines: [line(sku, 2)] },
    });
    expect([first.status, second.status, third.status]).toEqual([201, 201, 201]);
    expect(new Set([first, second, third].map((answer) => answer.body.id)).size).toBe(3);
  });

  test("is told apart from every other to the letter", async () => {
    const { id, sku } = await sale([9], { per_buyer_max: 9 });
    const token = await tokenOf(fresh("owner"));
    const keys = ["Key", "key", "key.", "k".repeat(254), "k".repeat(255), "!", "~", '"key"'];
    const body = { sale: id, lines: [line(sku)] };
    const made = await Promise.all(keys.map((key) => call("/v1/orders", { token, key, body })));
    expect(new Set(made.map((answer) => answer.body.id)).size).toBe(keys.length);
  });

  test("of a request that was refused is free for the one that may succeed", async () => {
    const { id, sku } = await sale([0]);
    const token = await tokenOf(fresh("owner"));
    const key = fresh("key");
    const body = { sale: id, lines: [line(sku)] };
    expect((await call("/v1/orders", { token, key, body: { ...body, extra: 1 } })).status).toBe(400);
    expect(
      (await call("/v1/orders", { token, key, body: { ...body, lines: [line(sku, 99)] } })).body.code,
    ).toBe("purchase_limit");
    await call(`/v1/admin/skus/${sku}/stock`, { token: ADMIN, body: { delta: 1, reason: "found" } });
    expect((await call("/v1/orders", { token, key, body })).status).toBe(201);
  });
});
