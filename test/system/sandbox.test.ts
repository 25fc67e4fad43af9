import { afterAll, describe, expect, test } from "vitest";
import type { Payment } from "../../schema/order.ts";
import { outboundOf } from "../../worker/providers/outbound.ts";
import { sandbox } from "../../worker/providers/sandbox/adapter.ts";
import { deskAt } from "../../worker/providers/sandbox/desk.ts";
import { refund } from "../fixtures/orders.ts";
import { providerConformance } from "../providers/conformance.ts";
import { fresh, type Provider } from "../providers/provider.ts";
import { hand, otherSecret } from "../providers/sandbox-hand.ts";
import { overHttp } from "./over-http.ts";
import { prepared } from "./prepared.ts";
import { freePort, freshDataDir, SECRETS, Server, until } from "./server.ts";

const { SANDBOX_WEBHOOK_SECRET: secret } = SECRETS;
/** The product, as a user starts it: its bank, with a socket before it. */
const server = await Server.fresh();
/** Servers that take a request and never say a word, and that say words we have never seen. */
const silent = await overHttp(() => new Promise(() => {}));
const strange = await overHttp(async () =>
  Response.json({ id: "bnk_1", state: "constructor", amount: { amount: 100, currency: "CNY" } }),
);
/** A port on which nobody listens any more. */
const gone = await overHttp(async () => new Response());
gone.close();

afterAll(async () => {
  silent.close();
  strange.close();
  await server.stop();
});

const adapterAt = (port: number) => {
  const origin = `http://127.0.0.1:${port}`;
  return sandbox(deskAt(origin, secret, outboundOf()), secret, origin);
};

async function make(): Promise<Provider> {
  const adapter = adapterAt(server.port);
  const pressing = async (press: "approve" | "decline", { id }: Payment) => {
    const known = await deskAt(server.client.origin, secret, outboundOf()).queryPayment(id);
    const path = `${server.client.origin}/sandbox/v1/payments/${known?.id}/${press}`;
    await fetch(path, { method: "POST" });
  };
  return {
    ...hand(secret),
    adapter,
    approve: (of) => pressing("approve", of),
    decline: (of) => pressing("decline", of),
    unreachable: adapterAt(gone.port),
    silent: adapterAt(silent.port),
    neverSeen: adapterAt(strange.port),
  };
}

providerConformance({ name: "sandbox over HTTP", make });

describe("a bank in another deployment", () => {
  test("is closed to whoever does not know its secret", async () => {
    const { order, of, purchase } = fresh();
    const stranger = sandbox(deskAt(server.client.origin, otherSecret, outboundOf()), secret);
    expect((await stranger.create(of, purchase)).kind).toBe("unknown");
    expect((await stranger.refund(refund(order), of)).kind).toBe("unknown");
    expect((await adapterAt(server.port).query(of, purchase)).kind).toBe("not_found");
  });

  test("sends the buyer to its own page, and its callbacks to the shop", async () => {
    const shop = new Server(await freePort(), freshDataDir());
    await prepared(shop.dataDir);
    await shop.start("serve", { SANDBOX_BANK_URL: server.client.origin });
    try {
      await shop.client.defineSale("elsewhere", "lamp-elsewhere", { stock: 1, holdSeconds: 120 });
      const token = await shop.client.token("customer");
      const { body: order } = await shop.client.order(token, "elsewhere", "lamp-elsewhere");
      const path = `/v1/orders/${order.id}/payments`;
      const { body } = await shop.client.call<{ action: { url: string } }>("POST", path, token, {
        provider: "sandbox",
      });
      expect(body.action.url).toMatch(`${server.client.origin}/sandbox/payments/bnk_`);
      expect(await server.client.approve(body.action.url.split("/").at(-1) ?? "")).toBe(true);
      const read = async () => (await shop.client.read(token, order.id)).body;
      await until("the order is paid", 5_000, read, ({ state }) => state === "paid");
      expect((await fetch(`${shop.client.origin}/sandbox/v1/shop/payments/${order.id}`)).status).toBe(401);
    } finally {
      await shop.stop();
    }
  });
});
