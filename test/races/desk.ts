import { secretOf } from "../../durable-objects/webhook/secret.ts";
import { orderIdOf, paymentIdOf, skuNumberOf } from "../../schema/ids.ts";
import { bankCallback } from "../fixtures/bank-callback.ts";
import { sent, type Heard } from "../fixtures/wire.ts";
import { SECRETS, until } from "../system/server.ts";
import { exactly, must, pairsOf, PATIENCE_MS, times, type Arena, type Race } from "./race.ts";
import { staffShot, type Shop } from "./shop.ts";

/** What staff do at once: endpoints, cases, dead letters, keys. */

const MANY = 6;
const BASE = "/v1/admin/webhook-endpoints";
/** A receiver on this machine that hears nothing: nobody listens at this port. */
export const DEAF_HOST = "127.0.0.1:9";
const settings = { url: `http://${DEAF_HOST}/hooks`, types: ["order.paid"], enabled: false };

interface Endpoint {
  readonly id: string;
  /** Of the one thing that was told: a test that nobody has heard. */
  readonly delivery: string;
}

const doneOf = (heard: ReadonlyMap<string, readonly Heard[]>, move: string): readonly Heard[] =>
  heard.get(move)?.filter(({ status }) => status < 300) ?? [];
const staff = (shop: Shop, method: string, path: string, body?: unknown): Promise<Heard> =>
  sent(shop.client.origin, staffShot(method, path, body));

const endpoints: Arena<Endpoint> = {
  name: "an endpoint",
  make: async (shop) => {
    const { status, body, text } = await staff(shop, "POST", BASE, { ...settings, enabled: true });
    must(status === 201, "no endpoint", text);
    const told = await staff(shop, "POST", `${BASE}/${body.id}/test`);
    must(told.status === 202, "nothing was told", told.text);
    const deliveries = await staff(shop, "GET", `${BASE}/${body.id}/deliveries`);
    return { id: body.id, delivery: deliveries.body.data[0].id };
  },
  moves: {
    change: ({ id }) => staffShot("PUT", `${BASE}/${id}`, { ...settings, types: ["order.expired"] }),
    "switch on": ({ id }) => staffShot("PUT", `${BASE}/${id}`, { ...settings, enabled: true }),
    rotate: ({ id }) => staffShot("POST", `${BASE}/${id}/rotate`),
    test: ({ id }) => staffShot("POST", `${BASE}/${id}/test`),
    resend: ({ id, delivery }) => staffShot("POST", `${BASE}/${id}/deliveries/${delivery}/resend`),
    remove: ({ id }) => staffShot("DELETE", `${BASE}/${id}`),
  },
  async check({ id }, heard, shop) {
    const rotated = doneOf(heard, "rotate");
    const secretAt = (generation: number): string => secretOf(SECRETS.WEBHOOK_SECRET, id, generation);
    const next = await staff(shop, "POST", `${BASE}/${id}/rotate`);
    if (doneOf(heard, "remove").length > 0)
      must(next.status === 404, "a removed endpoint is there", next.text);
    else {
      // Each secret that was given out was the newest for a while, and none was given out twice by a change in between.
      const given = new Set(rotated.map(({ body }) => body.secret));
      const generation = 1 + given.size;
      for (let one = 2; one <= generation; one++)
        must(given.has(secretAt(one)), "a secret is of no generation", one);
      must(next.body.secret === secretAt(generation + 1), "a rotation was undone");
    }
    await staff(shop, "DELETE", `${BASE}/${id}`);
  },
};

/** A case that the bank opens by speaking of an order that nobody placed. */
const cases: Arena<string> = {
  name: "a case",
  make: async (shop) => {
    const order = orderIdOf(
      skuNumberOf(shop.fresh("no-lamp")),
      Date.now(),
      crypto.getRandomValues(new Uint8Array(5)),
    );
    const reference = paymentIdOf(order, 1);
    const news = {
      event: shop.fresh("evt_case"),
      type: "payment.succeeded",
      payment: "bnk_nobody",
      order,
      reference,
    };
    const callback = bankCallback(SECRETS.SANDBOX_WEBHOOK_SECRET, {
      ...news,
      amount: { amount: 1, currency: "CNY" },
    });
    must((await sent(shop.client.origin, callback)).status === 200, "the callback was not taken");
    const id = `unknown_order:sandbox:${news.event}`;
    const read = async () => (await shop.client.admin<{ data: { id: string }[] }>("/v1/admin/cases")).data;
    await until(`the case ${id}`, PATIENCE_MS, read, (all) => all.some((one) => one.id === id));
    return id;
  },
  moves: {
    take: (id) => staffShot("POST", `${pathOf(id)}/assign`, {}),
    assign: (id) => staffShot("POST", `${pathOf(id)}/assign`, { owner: "ann" }),
    resolve: (id) => staffShot("POST", `${pathOf(id)}/resolve`, { resolution: "one word" }),
    "resolve otherwise": (id) => staffShot("POST", `${pathOf(id)}/resolve`, { resolution: "another" }),
  },
  async check(id, heard, shop) {
    exactly([...heard.values()].flat(), { 200: [...heard.values()].flat().length });
    const words = ["resolve", "resolve otherwise"].flatMap((move) => doneOf(heard, move));
    const last = await staff(shop, "POST", `${pathOf(id)}/resolve`, { resolution: "the last word" });
    const said = words.length === 0 ? ["the last word"] : words.map(({ body }) => body.resolution);
    must(new Set([...said, last.body.resolution]).size === 1, "two words were the first", said);
  },
};
const pathOf = (id: string): string => `/v1/admin/cases/${encodeURIComponent(id)}`;

/** A key is used while somebody revokes it. */
const keys: Arena<{ id: string; key: string }> = {
  name: "a staff key",
  make: async (shop) =>
    (await staff(shop, "POST", "/v1/admin/staff-keys", { name: "racer", role: "support" })).body,
  moves: {
    revoke: ({ id }) => staffShot("DELETE", `/v1/admin/staff-keys/${id}`),
    use: ({ key }) => ({ ...staffShot("GET", "/v1/admin/orders?limit=1"), token: key }),
  },
  async check({ key }, heard, shop) {
    const used = [...(heard.get("use") ?? [])].map(({ status }) => status);
    must(
      used.every((status) => status === 200 || status === 401),
      "used, and neither let in nor kept out",
      used,
    );
    if (!heard.has("revoke")) return;
    const { status } = await sent(shop.client.origin, {
      ...staffShot("GET", "/v1/admin/orders"),
      token: key,
    });
    must(status === 401, "a revoked key opens something", status);
  },
};

/** Letters that nobody has replayed yet, put there before the server started: each tells of an order that nobody placed. */
export const letterRaces = (letters: readonly { id: string; event: string }[]): Race[] => {
  const left = [...letters];
  return [false, true].map((isResolved): Race => ({
    name: `a dead letter: replay + ${isResolved ? "resolve its case" : "replay"}`,
    async run(shop) {
      const letter = left.pop();
      if (!letter) return;
      const path = `/v1/admin/dead-letters/${encodeURIComponent(letter.id)}/replay`;
      const resolve = `${pathOf(`dead_letter:${letter.id}`)}/resolve`;
      const shots = times(MANY, (n) =>
        isResolved && n % 2 === 1
          ? staffShot("POST", resolve, { resolution: "looked at" })
          : staffShot("POST", path),
      );
      exactly(await shop.race(this.name, shots), { 200: MANY });
      const read = async (state: string) =>
        (await shop.client.admin<{ data: { id: string }[] }>(`/v1/admin/cases?state=${state}`)).data;
      const opened = `unknown_order:sandbox:${letter.event}`;
      const all = await until(
        "what it says is heard",
        PATIENCE_MS,
        () => read("open"),
        (open) => open.some(({ id }) => id === opened),
      );
      must(all.filter(({ id }) => id === opened).length === 1, "heard as two things");
      must(!all.some(({ id }) => id === `dead_letter:${letter.id}`), "the letter's case is still open");
    },
  }));
};

const many: Race[] = [
  {
    name: "many anonymous buyers",
    async run(shop) {
      const heard = await shop.race(
        this.name,
        times(MANY, () => ({ method: "POST", path: "/v1/buyers" })),
      );
      exactly(heard, { 201: MANY });
      must(new Set(heard.map(({ body }) => body.buyer)).size === MANY, "two of them are one");
    },
  },
  {
    name: "many staff keys",
    async run(shop) {
      const body = { name: "racer", role: "viewer" };
      const heard = await shop.race(
        this.name,
        times(MANY, () => staffShot("POST", "/v1/admin/staff-keys", body)),
      );
      exactly(heard, { 201: MANY });
      must(new Set(heard.map(({ body: made }) => made.key)).size === MANY, "two of them are one");
      for (const { body: made } of heard) await staff(shop, "DELETE", `/v1/admin/staff-keys/${made.id}`);
    },
  },
  {
    name: "a callback at the door of an account that there is not",
    async run(shop) {
      const path = "/v1/webhooks/sandbox/elsewhere";
      exactly(
        await shop.race(
          this.name,
          times(MANY, () => ({ method: "POST", path, body: {} })),
        ),
        { not_found: MANY },
      );
    },
  },
  {
    name: "one bill, compared by many",
    async run(shop) {
      const body = { provider: "sandbox", day: "2026-11-20" };
      const shots = times(MANY, () => staffShot("POST", "/v1/admin/reconciliations", body));
      exactly(await shop.race(this.name, shots), { invalid_request: MANY });
    },
  },
];

export const deskRaces: readonly Race[] = [...pairsOf(cases), ...pairsOf(keys), ...many];
/** One after another: there are twenty endpoints at most. */
export const endpointRaces: readonly Race[] = [
  ...pairsOf(endpoints),
  {
    name: "more endpoints than there may be",
    async run(shop) {
      const there = (await staff(shop, "GET", BASE)).body.data.length as number;
      const heard = await shop.race(
        this.name,
        times(24, () => staffShot("POST", BASE, settings)),
      );
      const made = heard.filter(({ status }) => status === 201);
      const now = (await staff(shop, "GET", BASE)).body.data.length as number;
      must(made.length <= 20 && now <= 20, "more than there may be", { there, made: made.length, now });
      for (const { body } of made) await staff(shop, "DELETE", `${BASE}/${body.id}`);
    },
  },
];
