import { env } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { deviceOf, waysToPay, wrongCashier, type Occasion } from "../../worker/checkout/methods.ts";

const occasion = (facts: Partial<Occasion> = {}): Occasion => ({
  amount: { amount: 100, currency: "CNY" },
  accounts: undefined,
  device: null,
  ...facts,
});

const shown = (rules: unknown, facts: Partial<Occasion> = {}): string[] =>
  waysToPay({ ...env, CASHIER: rules === null ? "" : JSON.stringify(rules) }, occasion(facts)).map(
    ({ provider, account, method }) => `${provider}/${account}/${method.name}`,
  );

const BANK = { provider: "sandbox", method: "bank" };
const CARD = { provider: "sandbox", method: "card" };

describe("the cashier", () => {
  test("offers what every provider has, or what it is told in that order", () => {
    expect(shown(null)).toEqual(["sandbox/main/bank", "sandbox/main/card"]);
    expect(shown([CARD, BANK])).toEqual(["sandbox/main/card", "sandbox/main/bank"]);
    expect(shown([CARD])).toEqual(["sandbox/main/card"]);
  });

  test("tells ways to pay apart by currency, amount, device and account", () => {
    expect(shown([{ ...BANK, currencies: ["EUR"] }, CARD])).toEqual(["sandbox/main/card"]);
    expect(shown([{ ...BANK, amount_min: 101 }, CARD])).toEqual(["sandbox/main/card"]);
    expect(shown([{ ...BANK, amount_max: 99 }, CARD])).toEqual(["sandbox/main/card"]);
    expect(shown([{ ...BANK, amount_min: 100, amount_max: 100 }])).toEqual(["sandbox/main/bank"]);
    const onPhones = [{ ...BANK, devices: ["phone"] }, CARD];
    expect(shown(onPhones, { device: "desktop" })).toEqual(["sandbox/main/card"]);
    expect(shown(onPhones, { device: "phone" })).toHaveLength(2);
    expect(shown(onPhones, { device: null })).toHaveLength(2);
    expect(shown([{ ...BANK, account: "second" }, CARD])).toEqual(["sandbox/main/card"]);
  });

  test("offers nothing of an account that does not exist, of no provider and of no method", () => {
    expect(shown(null, { accounts: { sandbox: "second" } })).toEqual([]);
    expect(shown([{ ...BANK, provider: "nobody" }])).toEqual([]);
    expect(shown([{ ...BANK, method: "shells" }])).toEqual([]);
  });

  test.for([
    ["", []],
    ["{", ["CASHIER is not JSON"]],
    ["[]", [expect.stringContaining("CASHIER is wrong")]],
    ['[{"provider":"x"}]', [expect.stringContaining("0.method")]],
    ['[{"provider":"x","method":"y","devices":["toaster"]}]', [expect.stringContaining("0.devices")]],
    ['[{"provider":"x","method":"y","colour":"red"}]', [expect.stringContaining("colour")]],
  ] as const)("is told what is wrong with %s", ([cashier, wrong]) => {
    expect(wrongCashier(cashier)).toEqual(wrong);
  });

  test.for([
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "desktop"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", "phone"],
    ["Mozilla/5.0 (iPhone) Mobile/15E148 MicroMessenger/8.0.50", "wechat"],
    ["Mozilla/5.0 (Linux; Android 15) AlipayClient/10.6", "alipay"],
    ["", "desktop"],
  ] as const)("knows %s for a %s", ([agent, device]) => {
    expect(deviceOf(new Headers({ "user-agent": agent }))).toBe(device);
  });
});
