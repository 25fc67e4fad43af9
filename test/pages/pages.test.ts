import { describe, expect, test } from "vitest";
import type { Order } from "../../schema/order.ts";
import { CashierPage, type CashierPageProps } from "../../worker/pages/cashier-page.tsx";
import { durationText, leftText, moneyText } from "../../worker/pages/format.ts";
import { en } from "../../worker/pages/i18n/en.ts";
import { zh } from "../../worker/pages/i18n/zh.ts";
import { LOOKS_MAX, OrderPage } from "../../worker/pages/order-page.tsx";
import { errorPage, problemPage } from "../../worker/pages/problem-page.tsx";
import { SalePage, type Mine } from "../../worker/pages/sale-page.tsx";
import { SalesPage } from "../../worker/pages/sales-page.tsx";
import { PROBLEMS, isProblemCode } from "../../worker/problem.ts";
import { order, payment, refund, scene, view, NOW } from "./samples.ts";

type Lang = "en" | "zh";
const LANGUAGES = [
  ["en", en],
  ["zh", zh],
] as const;

let keys = 0;
const keyOf = () => `key-${++keys}`;
const sale = (
  lang: Lang,
  state: "upcoming" | "open" | "closed" = "open",
  mine: Mine[] = [],
  refused: string | null = null,
) => String(SalePage({ scene: scene(lang), view: view(state), mine, keyOf, refused }));
const cashier = (lang: Lang, shown: Order, more: Partial<CashierPageProps> = {}) => {
  const methods = [
    { provider: "sandbox", method: "bank" },
    { provider: "sandbox", method: "card" },
  ];
  return String(
    CashierPage({ scene: scene(lang), order: shown, methods, keyOf, refused: null, retry: null, ...more }),
  );
};
const orderPage = (lang: Lang, shown: Order, looks = 0) =>
  String(OrderPage({ scene: scene(lang), order: shown, looks }));

const EVIL = `"><script>alert(1)</script><img onerror=alert(1) src=x>`;
const escaped = (text: string) => text.replaceAll("'", "&#39;").replaceAll('"', "&quot;");

describe("what others wrote", () => {
  test("a name is text, wherever it stands", async () => {
    const evil = view();
    const offers = evil.offers.map((offer) => ({ ...offer, name: EVIL }));
    const line = { sku: "lamp-red", name: EVIL, quantity: 1, unitPrice: { amount: 1, currency: "CNY" } };
    const shown = order({
      lines: [line],
      payments: [payment({ method: EVIL, provider: EVIL })],
      refunds: [refund(EVIL, "pending")],
    });
    const mine = [{ order: "ord_1", name: EVIL, bought: false }];
    const pages = [
      String(
        SalePage({
          scene: scene("en"),
          view: { ...evil, sale: { ...evil.sale, name: EVIL }, offers },
          mine,
          keyOf,
          refused: EVIL,
        }),
      ),
      String(SalesPage({ scene: scene("en"), sales: [{ ...evil.sale, name: EVIL }] })),
      cashier("en", shown, { refused: EVIL, methods: [{ provider: EVIL, method: EVIL }] }),
      orderPage("en", shown),
      String(await errorPage({ status: 404, lang: "en", here: `/${EVIL}`, requestId: EVIL, now: NOW })),
    ];
    for (const page of pages) {
      expect(page).not.toContain("<script>alert");
      expect(page).not.toContain("<img onerror");
    }
  });

  test("a provider's word becomes a link only when it is one", () => {
    const action = { type: "redirect" as const, url: "javascript:alert(1)" };
    const shown = order({ state: "paying", payments: [payment({ action })] });
    expect(cashier("en", shown) + orderPage("en", shown)).not.toContain("javascript:");
  });
});

describe("what the content security policy forbids", () => {
  test("no page has an inline script, style or handler", async () => {
    const moving = order({ state: "paying", payments: [payment()] });
    const pages = [
      sale("en", "upcoming"),
      sale("zh"),
      sale("en", "closed"),
      cashier("en", order()),
      cashier("zh", moving),
      orderPage("en", moving),
      orderPage("en", order({ state: "paid" })),
      String(await errorPage({ status: 500, lang: "en", here: "/", requestId: "r", now: NOW })),
      String(await problemPage(scene("zh"), "sold_out")),
    ];
    for (const page of pages) {
      expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=/i);
      for (const [tag] of page.matchAll(/<script[^>]*>[^<]*/g))
        expect(tag).toMatch(/^<script type="module" src="\/assets\/\w+\.js">$/);
    }
  });
});

describe.each(LANGUAGES)("the page of a sale (%s)", (lang, t) => {
  test("tells the four states of stock apart", () => {
    const page = sale(lang);
    expect(page).toContain(t.stock.in_stock);
    expect(page).toContain(`>${t.stock.low.replace("{n}", "3")}<`);
    expect(page).toContain(escaped(t.stock.held_out));
    expect(page).toContain(t.stock.sold_out);
    expect(page).toContain(`<html lang="${t.locale}">`);
  });

  test("every form has a key of its own, and no more units than a buyer may have", () => {
    const page = sale(lang);
    const found = [...page.matchAll(/name="key" value="([^"]+)"/g)].map(([, key]) => key);
    expect(found).toHaveLength(4);
    expect(new Set(found).size).toBe(4);
    expect(page).toContain('<option value="2">');
    expect(page).not.toContain('<option value="3">');
  });

  test("before the opening nothing can be pressed, and the countdown is the server's", () => {
    const page = sale(lang, "upcoming");
    expect(page.match(/<button[^>]* disabled=""/g)).toHaveLength(4);
    expect(page).toContain(`data-server-time="${new Date(NOW).toISOString()}"`);
    expect(page).toContain(`data-until="${new Date(NOW + 3_600_000).toISOString()}"`);
    expect(page).toContain("01:00:00");
  });

  test("open: only what is sold out cannot be pressed; closed: there is no form", () => {
    expect(sale(lang).match(/<button[^>]* disabled=""/g)).toHaveLength(1);
    expect(sale(lang, "closed")).not.toContain("<form");
  });

  test("points to what waits to be paid, and says a refusal", () => {
    const page = sale(
      lang,
      "open",
      [{ order: "ord_1", name: "Red lamp", bought: false }],
      t.refusals.sold_out,
    );
    expect(page).toContain('href="/orders/ord_1/pay"');
    expect(page).toContain(t.continueToPay);
    expect(page).toContain(t.refusals.sold_out);
  });

  test("the language switch keeps the place", () => {
    expect(sale(lang)).toContain(`href="/sales/lamps?from=mail&amp;lang=${t.other.lang}"`);
  });
});

describe.each(LANGUAGES)("the cashier (%s)", (lang, t) => {
  test("pending: what, how much, how long, and every way to pay with its own key", () => {
    const page = cashier(lang, order());
    expect(page).toContain("Red lamp");
    expect(page).toContain(moneyText(t, order().amount));
    expect(page).toContain("09:30");
    expect(page).toContain(t.atZero);
    const found = [...page.matchAll(/name="key" value="([^"]+)"/g)].map(([, key]) => key);
    expect(new Set(found).size).toBe(2);
    expect(page).toContain('name="method" value="card"');
    expect(page).not.toContain(t.declined);
  });

  test("after a declined payment it says so and offers again", () => {
    const page = cashier(lang, order({ payments: [payment({ state: "failed" })] }));
    expect(page).toContain(t.declined);
    expect(page).toContain('name="provider"');
  });

  test("paying: the way back to the bank, and no second way to pay", () => {
    const page = cashier(lang, order({ state: "paying", payments: [payment()] }));
    expect(page).toContain('href="http://localhost/sandbox/payments/bank_1"');
    expect(page).not.toContain("<form");
  });

  test("paying by code: it is drawn for a phone, as a picture and nothing else", () => {
    const content = 'weixin://wxpay/bizpayurl?pr=1"><script>alert(1)</script>';
    const page = cashier(
      lang,
      order({ state: "paying", payments: [payment({ action: { type: "qr", content } })] }),
    );
    expect(page).toContain("<svg");
    expect(page).toContain(t.scan);
    expect(page).not.toContain("alert(1)");
    expect(page).not.toMatch(/<svg[^>]* (on\w+|style)=/);
    expect(page).not.toContain(t.findingOut);
  });

  test("in line: when it is their turn, how long they will have, and nothing to press", () => {
    const createdAt = NOW + 45_000;
    const inLine = payment({ state: "created", action: null, inLine: true, createdAt });
    const page = cashier(lang, order({ state: "paying", payBy: createdAt + 600_000, payments: [inLine] }));
    expect(page).toContain(t.inLine);
    expect(page).toContain("10");
    expect(page).toContain("00:45");
    expect(page).not.toContain(t.findingOut);
    expect(page).not.toContain("<form");
    expect(page).toContain('http-equiv="refresh"');
  });

  test("a payment the bank never answered is tried again with its own key", () => {
    const unknown = order({ state: "paying", payments: [payment({ state: "unknown", action: null })] });
    const page = cashier(lang, unknown, {
      refused: t.refusals.provider_unavailable,
      retry: { provider: "sandbox", method: "bank", key: "first-key" },
    });
    expect(page).toContain('name="key" value="first-key"');
    expect(page).toContain(t.refusals.provider_unavailable);
  });

  test("expired: an end, and the way back", () => {
    const page = cashier(lang, order({ state: "expired", reason: "pay_by_passed" }));
    expect(page).toContain(t.orderMore.pay_by_passed);
    expect(page).toContain('href="/sales/lamps"');
    expect(page).not.toContain("<form");
  });
});

describe.each(LANGUAGES)("the order (%s)", (lang, t) => {
  test.each(["pending", "paying", "paid", "expired", "refunded"] as const)("%s is said in words", (state) => {
    expect(orderPage(lang, order({ state }))).toContain(t.orderState[state]);
  });

  test("looks again by itself while something moves, a bounded number of times", () => {
    const moving = order({ state: "paying", payments: [payment()] });
    expect(orderPage(lang, moving)).toContain(`content="3;url=/orders/${moving.order}?n=1"`);
    expect(orderPage(lang, moving, LOOKS_MAX)).not.toContain("http-equiv");
    expect(orderPage(lang, moving, LOOKS_MAX)).toContain(t.askAgain);
    expect(orderPage(lang, order({ state: "paid" }))).not.toContain("http-equiv");
  });

  test("late money, a second payment and a part given back are explained", () => {
    const paid = payment({ state: "succeeded" });
    const retaking = orderPage(lang, order({ state: "expired", stock: "retaking", payments: [paid] }));
    expect(retaking).toContain(t.orderMore.lateRetaking);
    expect(retaking).not.toContain(t.orderMore.charged);
    const late = order({
      state: "expired",
      reason: "pay_by_passed",
      payments: [paid],
      refunds: [refund("late_payment", "pending")],
    });
    expect(orderPage(lang, late)).toContain(t.orderMore.lateRefund);
    const twice = order({
      state: "paid",
      payments: [paid],
      refunds: [refund("duplicate_payment", "pending")],
    });
    expect(orderPage(lang, twice)).toContain(t.orderMore.surplus);
    expect(orderPage(lang, order({ state: "expired", reason: "cancelled" }))).toContain(
      t.orderMore.cancelled,
    );
  });
});

describe("the rest", () => {
  test("a list that cannot be read says so", () => {
    expect(String(SalesPage({ scene: scene("en"), sales: null }))).toContain(en.salesAway);
    expect(String(SalesPage({ scene: scene("zh"), sales: [] }))).toContain(zh.noSales);
  });

  test("every code has its page in both languages", async () => {
    for (const code of Object.keys(PROBLEMS).filter(isProblemCode))
      for (const [lang, t] of LANGUAGES)
        expect(String(await problemPage(scene(lang), code))).toContain(escaped(t.refusals[code]));
  });

  test("money and time are the language's", () => {
    expect(moneyText(en, { amount: 123456, currency: "USD" })).toBe("$1,234.56");
    expect(moneyText(zh, { amount: 19900, currency: "CNY" })).toBe("¥199.00");
    expect(moneyText(en, { amount: 500, currency: "JPY" })).toBe("¥500");
    expect(leftText(en, 90_061_000)).toBe("1 d 01:01:01");
    expect(leftText(en, -5)).toBe("00:00:00");
    expect(durationText(en, 600_000)).toBe("10 minutes");
    expect(durationText(zh, 90_000)).toBe("1分钟 30秒钟");
  });
});
