import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Merchant, type Purchase } from "./merchant.ts";
import { SECRETS, until } from "./server.ts";

interface Heard {
  readonly headers: Record<string, string>;
  readonly body: string;
}
interface Endpoint {
  readonly id: string;
  readonly secret: string;
  readonly enabled: boolean;
}
interface Deliveries {
  readonly data: {
    id: string;
    type: string;
    state: string;
    tries: number;
    answer: string;
    version: number;
  }[];
}

/** A receiver on the public Internet, as far as the Worker can tell. */
class Receiver {
  readonly heard: Heard[] = [];
  answering: (heard: Heard) => Response | Promise<Response> = () => new Response(null, { status: 204 });

  readonly answer = async (request: Request): Promise<Response> => {
    const heard = { headers: Object.fromEntries(request.headers), body: await request.text() };
    this.heard.push(heard);
    return this.answering(heard);
  };
}

describe("a merchant's server", () => {
  const good = new Receiver();
  const slow = new Receiver();
  const inside = new Receiver();
  let merchant: Merchant;

  /** Names and where they lead. */
  const NAMES: Record<string, string> = {
    "good.shop.example": "93.184.216.34",
    "slow.shop.example": "93.184.216.35",
    "evil.shop.example": "169.254.169.254",
  };

  beforeAll(async () => {
    merchant = await Merchant.open({}, "sandbox", {
      "good.shop.example": good.answer,
      "slow.shop.example": slow.answer,
      "evil.shop.example": inside.answer,
      "cloudflare-dns.com": async ({ url }) => {
        const { searchParams } = new URL(url);
        const data = NAMES[searchParams.get("name") ?? ""];
        const isAsked = searchParams.get("type") === "A" && data !== undefined;
        return Response.json({ Status: 0, ...(isAsked && { Answer: [{ type: 1, data }] }) });
      },
    });
  });
  afterAll(() => merchant.close());

  const admin = <T>(method: string, path: string, body?: unknown) =>
    merchant.client.call<T>(method, `/v1/admin/webhook-endpoints${path}`, SECRETS.ADMIN_KEY, body);
  const endpointAt = async (url: string, types = ["order.paid"]): Promise<Endpoint> => {
    const { status, body } = await admin<Endpoint>("POST", "", { url, types });
    expect(status).toBe(201);
    return body;
  };
  const deliveriesOf = async ({ id }: Endpoint) =>
    (await admin<Deliveries>("GET", `/${id}/deliveries`)).body.data;
  const remove = ({ id }: Endpoint) => admin("DELETE", `/${id}`);

  async function paid(): Promise<Purchase> {
    const purchase = await merchant.placed();
    const payment = await merchant.client.startPayment(purchase.token, purchase.order.id);
    await merchant.client.approve(payment ?? "");
    await merchant.becomes(purchase, "paid", 5_000);
    return purchase;
  }
  const heardOf = (receiver: Receiver, { order }: Purchase, ms = 10_000) =>
    until(
      "the merchant has heard",
      ms,
      async () => receiver.heard.filter(({ body }) => body.includes(order.id)),
      (all) => all.length > 0,
    );

  test("hears of a paid order once, signed for any library of Standard Webhooks", async () => {
    const endpoint = await endpointAt("https://good.shop.example/hooks");
    const purchase = await paid();
    const [heard] = await heardOf(good, purchase);
    const body = new Webhook(endpoint.secret).verify(heard?.body ?? "", heard?.headers ?? {});
    expect(body).toMatchObject({
      type: "order.paid",
      data: { version: expect.any(Number), order: { id: purchase.order.id, state: "paid" } },
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await heardOf(good, purchase)).toHaveLength(1);
    expect(await deliveriesOf(endpoint)).toMatchObject([
      { type: "order.paid", state: "delivered", tries: 1 },
    ]);

    expect(
      (await admin("POST", `/${endpoint.id}/deliveries/${heard?.headers["webhook-id"]}/resend`)).status,
    ).toBe(202);
    const again = () => Promise.resolve(good.heard.filter(({ body: text }) => text === heard?.body));
    await until("it is told once more", 5_000, again, (all) => all.length === 2);
    await remove(endpoint);
  });

  test("that fails is asked again, and one that hangs keeps nobody waiting", async () => {
    const hanging = await endpointAt("https://slow.shop.example/hooks");
    const failing = await endpointAt("https://good.shop.example/hooks");
    slow.answering = () => new Promise(() => {});
    let failures = 1;
    good.answering = () => new Response(null, { status: failures-- > 0 ? 500 : 200 });
    const purchase = await paid();
    const again = () => Promise.resolve(good.heard.filter(({ body }) => body.includes(purchase.order.id)));
    const both = await until("it is told again", 12_000, again, (all) => all.length === 2);
    expect(both[1]?.headers["webhook-id"]).toBe(both[0]?.headers["webhook-id"]);
    const seen = await until(
      "it is delivered",
      5_000,
      () => deliveriesOf(failing),
      ([first]) => first?.state === "delivered",
    );
    expect(seen).toMatchObject([{ tries: 2, answer: "200" }]);
    expect(await deliveriesOf(hanging)).toMatchObject([{ state: "waiting", tries: 1 }]);
    await remove(hanging);
    await remove(failing);
  });

  test("that sends us elsewhere is not followed, and one inside is never called", async () => {
    const sending = await endpointAt("https://good.shop.example/hooks");
    const within = await endpointAt("https://evil.shop.example/hooks");
    good.answering = () => Response.redirect("https://evil.shop.example/", 307);
    const purchase = await paid();
    await heardOf(good, purchase);
    const [first] = await until(
      "it was tried",
      5_000,
      () => deliveriesOf(sending),
      ([one]) => one?.answer === "307",
    );
    expect(first?.state).toBe("waiting");
    const [second] = await until(
      "it was tried",
      5_000,
      () => deliveriesOf(within),
      ([one]) => (one?.tries ?? 0) > 0 && one?.answer !== null,
    );
    expect(second?.answer).toContain("private network");
    expect(inside.heard).toEqual([]);
    for (const url of ["https://127.0.0.1/", "http://good.shop.example/", "https://localhost/"])
      expect((await admin("POST", "", { url, types: ["order.paid"] })).status).toBe(400);
    good.answering = () => new Response(null, { status: 204 });
    await remove(sending);
    await remove(within);
  });

  test("gets a new secret without missing a word", async () => {
    const endpoint = await endpointAt("https://good.shop.example/hooks");
    const { body: rotated } = await admin<Endpoint>("POST", `/${endpoint.id}/rotate`);
    expect(rotated.secret).not.toBe(endpoint.secret);
    const [heard] = await heardOf(good, await paid());
    for (const secret of [endpoint.secret, rotated.secret])
      expect(() => new Webhook(secret).verify(heard?.body ?? "", heard?.headers ?? {})).not.toThrow();
    await remove(endpoint);
  });

  test("hears of what it asked for, and nothing after it said so", async () => {
    const endpoint = await endpointAt("https://good.shop.example/hooks", ["order.expired", "order.refunded"]);
    const purchase = await paid();
    const short = await merchant.placed({ holdSeconds: 1 });
    const [expired] = await heardOf(good, short, 15_000);
    expect(JSON.parse(expired?.body ?? "")).toMatchObject({ type: "order.expired" });
    const path = `/v1/admin/orders/${purchase.order.id}/refunds`;
    await merchant.client.call("POST", path, SECRETS.ADMIN_KEY, { reason: "scratched" });
    const [refunded] = await heardOf(good, purchase);
    expect(JSON.parse(refunded?.body ?? "")).toMatchObject({
      type: "order.refunded",
      data: { refund: { reason: "scratched" }, order: { state: "refunded" } },
    });
    good.answering = () => new Response(null, { status: 410 });
    expect((await admin("POST", `/${endpoint.id}/test`)).status).toBe(202);
    const read = async () => (await admin<{ data: Endpoint[] }>("GET", "")).body.data;
    await until("it is off", 5_000, read, (all) => all[0]?.enabled === false);
    expect(JSON.stringify(await read())).not.toContain("whsec_");
    good.answering = () => new Response(null, { status: 204 });
  });
});
