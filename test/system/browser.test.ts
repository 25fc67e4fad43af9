import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findChromium } from "../../worker/local/chromium.ts";
import { Server, until } from "./server.ts";

const PICTURES = join(import.meta.dirname, "../.artifacts");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Beside other work on a small machine. */
const PATIENCE_MS = 60_000;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  server = await Server.fresh();
  browser = await chromium.launch({ executablePath: findChromium(), args: FLAGS });
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

let sales = 0;

/** A sale of its own for each test, so that what one buys is not missed by another. */
async function sale(stock = 20, perBuyerMax = 2): Promise<{ id: string; sku: string; url: string }> {
  const id = `shop-${++sales}`;
  const sku = `shop-lamp-${sales}`;
  await server.client.defineSale(id, sku, { stock, holdSeconds: 300, perBuyerMax });
  return { id, sku, url: `${server.client.origin}/sales/${id}` };
}

interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained about: blocked scripts, failed loads, exceptions. */
  readonly complaints: string[];
}

async function visit(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visitor> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));
  page.on("pageerror", (error) => void complaints.push(error.message));
  return { context, page, complaints };
}

const picture = (page: Page, name: string) =>
  page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
}

const buy = (page: Page) => page.locator('form[action$="/buy"] button[type="submit"]').first();
const pay = (page: Page) => page.locator('form[action$="/pay"] button[type="submit"]').first();
const approve = (page: Page) => page.locator('form[action$="/approve"] button[type="submit"]');
const orderOf = (page: Page): string => /ord_[0-9a-z]+/.exec(page.url())?.[0] ?? "";

/** As staff see it: the buyer's token is in the browser's cookie. */
const stateOf = async (order: string): Promise<string> =>
  (await server.client.read(server.adminKey, order)).body.state;

test("with JavaScript: landing page, Buy, cashier, bank, and the order page says paid without a touch", async () => {
  const { id, sku, url } = await sale();
  const { page, complaints, context } = await visit();
  await page.goto(url);
  await picture(page, "landing");
  await expectAccessible(page);
  await buy(page).click();
  await page.waitForURL(/\/orders\/ord_.*\/pay/);
  await picture(page, "cashier");
  await expectAccessible(page);
  await pay(page).click();
  await page.waitForURL(/\/sandbox\/payments\/bnk_/);
  await picture(page, "bank");
  await expectAccessible(page);
  await approve(page).click();
  await page.waitForURL(/\/orders\/ord_/);
  const order = orderOf(page);
  await until(
    "order paid",
    PATIENCE_MS,
    () => stateOf(order),
    (state) => state === "paid",
  );
  await page.waitForFunction(
    () => document.querySelector("main")?.textContent?.includes("It is yours."),
    null,
    { timeout: PATIENCE_MS },
  );
  await picture(page, "paid");
  await expectAccessible(page);
  expect(complaints).toEqual([]);

  // Back, refresh and a second tab all end at the one true state.
  await page.goBack();
  await page.goto(`${server.client.origin}/orders/${order}/pay`);
  expect(page.url()).toBe(`${server.client.origin}/orders/${order}`);
  const second = await context.newPage();
  await second.goto(`${server.client.origin}/orders/${order}`);
  expect(await second.locator("main").textContent()).toContain("It is yours.");
  expect(await server.client.stock(sku)).toMatchObject({ sold: 1, held: 0 });
  expect((await server.client.orders(id)).length).toBe(1);
  await context.close();
});

test("without JavaScript, on a phone, in Chinese: the same purchase", async () => {
  const { sku, url } = await sale();
  const { page, context } = await visit({ ...PHONE, javaScriptEnabled: false });
  await page.goto(`${url}?lang=zh`);
  expect(await page.locator("html").getAttribute("lang")).toMatch(/^zh/);
  await picture(page, "phone-landing-zh");
  await buy(page).click();
  await page.waitForURL(/\/pay$/);
  expect(await page.locator("html").getAttribute("lang")).toMatch(/^zh/);
  await picture(page, "phone-cashier-zh");
  await pay(page).click();
  await approve(page).click();
  await page.waitForURL(/\/orders\/ord_/);
  await until(
    "order paid",
    PATIENCE_MS,
    () => stateOf(orderOf(page)),
    (state) => state === "paid",
  );
  await page.reload();
  await picture(page, "phone-paid-zh");
  expect(await server.client.stock(sku)).toMatchObject({ sold: 1 });
  await context.close();
});

test("a bank that is slow to answer still gets the buyer: the page that sees the order change waits for what was pressed", async () => {
  const { url } = await sale();
  const { page, context } = await visit();
  await page.goto(url);
  await buy(page).click();
  await page.waitForURL(/\/orders\/ord_.*\/pay/);
  const order = orderOf(page);
  let asked = 0;
  await page.route(/\/v1\/orders\//, async (route) => {
    const response = await route.fetch();
    asked += Number((await response.text()).includes('"paying"'));
    await route.fulfill({ response });
  });
  await page.route(/\/pay$/, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    const response = await route.fetch({ maxRedirects: 0 });
    await until(
      "the page to see that its order is paying",
      PATIENCE_MS,
      async () => asked,
      (times) => times > 1,
    );
    await route.fulfill({ response });
  });
  await pay(page).click();
  await page.waitForURL(/\/sandbox\/payments\/bnk_/);
  expect(await stateOf(order)).toBe("paying");
  await context.close();
});

test("a double click on Buy is one order", async () => {
  const { id, sku, url } = await sale();
  const { page, context } = await visit();
  await page.goto(url);
  await buy(page).dblclick({ noWaitAfter: true });
  await page.waitForURL(/\/pay$/);
  expect(await server.client.stock(sku)).toMatchObject({ held: 1 });
  await until(
    "orders",
    PATIENCE_MS,
    () => server.client.orders(id),
    (orders) => orders.length === 1,
  );
  await context.close();
});

test("the landing page shows what others do: stock changes without a reload, and sold out is said", async () => {
  const { sku, id, url } = await sale(2, 1);
  const { page, complaints, context } = await visit();
  await page.goto(url);
  for (const name of ["first", "second"])
    await server.client.order(await server.client.token(`${name}-${sku}`), id, sku);
  await page.waitForFunction(
    () => /other people's hands/i.test(document.querySelector("main")?.textContent ?? ""),
    null,
    { timeout: PATIENCE_MS },
  );
  await picture(page, "held-out");
  await expectAccessible(page);
  expect(complaints).toEqual([]);
  await context.close();
});

test("the API reference loads without anything from elsewhere", async () => {
  const { page, context, complaints } = await visit();
  await page.goto(`${server.client.origin}/docs`);
  await page.getByText("/v1/orders", { exact: true }).first().waitFor({ timeout: PATIENCE_MS });
  await picture(page, "docs");
  expect(complaints).toEqual([]);
  await context.close();
});
