import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AlipayAccount } from "../../../worker/providers/alipay/account.ts";
import { alipay } from "../../../worker/providers/alipay/adapter.ts";
import { keyPair } from "../keys.ts";
import { NOTIFICATION } from "./published.ts";

const { privateKey } = await keyPair();
const adapter = alipay(
  "main",
  AlipayAccount.parse({
    app_id: "2018101761712502",
    seller_id: "2088231960756623",
    private_key: privateKey,
    alipay_public_key: NOTIFICATION.publicKey,
  }),
  async () => Response.error(),
);

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(NOTIFICATION.at) }));
afterEach(() => void vi.useRealTimers());

async function heard(content: string): Promise<string> {
  const form = new URLSearchParams({ sign: NOTIFICATION.sign, sign_type: "RSA2" });
  for (const field of content.split("&")) {
    const at = field.indexOf("=");
    form.set(field.slice(0, at), field.slice(at + 1));
  }
  const body = new TextEncoder().encode(form.toString());
  const said = await adapter.readNotice(new Headers(), body, Date.now());
  return said.ok ? "accepted" : said.error.detail;
}

test("what Alipay really signed is Alipay's, as far as its signature goes", async () => {
  expect(await heard(NOTIFICATION.content)).toBe("The reference is not one of ours.");
  vi.setSystemTime(Date.parse(NOTIFICATION.at) + 27 * 3_600_000);
  expect(await heard(NOTIFICATION.content)).toBe("The notification is too old, or from the future.");
});

test("and with any word of it changed it is not", async () => {
  for (const field of NOTIFICATION.content.split("&"))
    expect(await heard(NOTIFICATION.content.replace(field, `${field}0`)), field).toBe(
      "The signature does not match.",
    );
});
