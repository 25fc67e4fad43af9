import { env } from "cloudflare:workers";
import { afterEach, expect, test } from "vitest";
import { secretOf } from "../../durable-objects/webhook/secret.ts";
import { webhookActor } from "../../worker/actors.ts";
import { ADMIN, call, type Answered } from "./shop.ts";

/** Staff who change one endpoint at the same moment. */

const BASE = "/v1/admin/webhook-endpoints";
const settings = { url: "https://shop.example/hooks", types: ["order.paid"], enabled: true };

const create = () => call(BASE, { token: ADMIN, body: settings });
const change = (id: string, facts: object = {}) =>
  call(`${BASE}/${id}`, { method: "PUT", token: ADMIN, body: { ...settings, ...facts } });
const rotate = (id: string) => call(`${BASE}/${id}/rotate`, { method: "POST", token: ADMIN });
const remove = (id: string) => call(`${BASE}/${id}`, { method: "DELETE", token: ADMIN });
const listed = async (): Promise<{ id: string }[]> => (await call(BASE, { token: ADMIN })).body.data;

afterEach(async () => {
  for (const { id } of await listed()) await remove(id);
});

test("a secret that was given out stays the endpoint's, whatever else is changed at that moment", async () => {
  const { id } = (await create()).body;
  const [, rotated] = await Promise.all([change(id, { types: ["order.expired"] }), rotate(id), change(id)]);
  const now = await webhookActor(env, id).view();
  expect(now).toMatchObject({ generation: 2 });
  expect(rotated?.body.secret).toBe(secretOf(env.WEBHOOK_SECRET, id, 2));
});

test("a secret that two people ask for at once is one, so that the one before still signs for a day", async () => {
  const { id } = (await create()).body;
  const both = await Promise.all([rotate(id), rotate(id)]);
  expect(new Set(both.map(({ body }) => body.secret)).size).toBe(1);
  expect(await webhookActor(env, id).view()).toMatchObject({ generation: 2 });
});

test("an endpoint that is removed is not brought back by who changes it at that moment", async () => {
  const { id } = (await create()).body;
  const all = await Promise.all([change(id), remove(id), rotate(id), change(id)]);
  expect(
    all.map(({ status }: Answered) => status).filter((status) => ![200, 204, 404].includes(status)),
  ).toEqual([]);
  expect(await webhookActor(env, id).view()).toBeNull();
  expect(await listed()).toEqual([]);
  expect((await remove(id)).body.code).toBe("not_found");
});

test("there are never more endpoints than are told, however many ask for one at once", async () => {
  const made = await Promise.all(Array.from({ length: 24 }, create));
  expect(made.filter(({ status }) => status === 201)).toHaveLength(20);
  expect(made.filter(({ body }) => body.code === "invalid_request")).toHaveLength(4);
  expect(await listed()).toHaveLength(20);
});
