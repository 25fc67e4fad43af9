import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { GateView } from "../../schema/actors.ts";
import { skuNumberOf, SLUG } from "../../schema/ids.ts";
import { BODY_BYTES_MAX } from "../../schema/limits.ts";
import type { Order } from "../../schema/order.ts";
import { gateActor, skuActor } from "../actors.ts";
import type { App } from "../app-env.ts";
import { saleOf } from "../catalogue/sale-of.ts";
import { cancelOrder } from "../checkout/cancel.ts";
import { deviceOf, waysToPay } from "../checkout/methods.ts";
import { nudgeOrder, startPayment } from "../checkout/pay.ts";
import { placeOrder } from "../checkout/place.ts";
import { readOrder } from "../checkout/read.ts";
import { admit } from "../middleware/admit.ts";
import { buyerOf, ensureBuyer, sameOriginOnly } from "../middleware/buyer.ts";
import { addressOf, limitAddress, limitBuyer } from "../middleware/rate-limit.ts";
import { PROBLEMS, type ProblemCode, type Refusal } from "../problem.ts";
import { listSales } from "../read-models/catalogue.ts";
import { CashierPage, type CashierPageProps } from "./cashier-page.tsx";
import { dictionaryOf } from "./format.ts";
import { freshKey, readBuyForm, readPayForm } from "./forms.ts";
import { documentOf, type Scene } from "./layout.tsx";
import { LOOKS_MAX, OrderPage } from "./order-page.tsx";
import { isInLine, isWeb } from "./order-parts.tsx";
import { errorPage } from "./problem-page.tsx";
import { SalePage, type Mine } from "./sale-page.tsx";
import { SalesPage } from "./sales-page.tsx";

/** Orders of one buyer that the page of a sale points to. */
const MINE_MAX = 5;

type PageContext = Context<App>;

/** What depends on who is asking, and on the moment, is nobody's to keep: not a cache's, not the back button's. */
const personal: MiddlewareHandler<App> = async (c, next) => {
  await next();
  c.header("Cache-Control", "no-store");
};

/** What refuses a form before its route is reached says so as a problem; people get the page of it. */
const inWords: MiddlewareHandler<App> = async (c, next) => {
  await next();
  if (!c.res.headers.get("content-type")?.startsWith("application/problem+json")) return;
  const { code } = await c.res.json<{ code: ProblemCode }>();
  c.res = await refusedPage(c, code);
};

const formLimit = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: (c) => refusedPage(c as PageContext, "body_too_large"),
});

function sceneOf(c: PageContext): Scene {
  const { pathname, search } = new URL(c.req.url);
  return { lang: c.get("lang"), here: pathname + search, now: Date.now() };
}

const show = (c: PageContext, page: Child, status: ContentfulStatusCode = 200) =>
  c.html(documentOf(page), status);

function refusedPage(c: PageContext, code: ProblemCode) {
  const { lang, here, now } = sceneOf(c);
  const { status } = PROBLEMS[code];
  return c.html(errorPage({ status, lang, here, now, requestId: c.get("requestId"), code }), status);
}

/** What the buyer already has in this sale. A SKU that does not answer costs the reminder, not the page. */
async function mineOf(c: PageContext, view: GateView): Promise<Mine[]> {
  const buyer = await buyerOf(c);
  if (!buyer) return [];
  const found = await Promise.all(
    view.offers.map(async ({ sku, name }) => {
      const holds = await skuActor(c.env, skuNumberOf(sku))
        .holdsOf(buyer)
        .catch(() => []);
      return holds
        .filter(({ state }) => state !== "released")
        .map(({ order, state }): Mine => ({ order, name, bought: state === "sold" }));
    }),
  );
  const byOrder = new Map(found.flat().map((mine) => [mine.order, mine]));
  return [...byOrder.values()].slice(-MINE_MAX);
}

/** The page of a sale, and on it the refusal of the press that led here. */
async function landing(c: PageContext, refusal: Refusal | null) {
  const sale = c.req.param("sale") ?? "";
  const view = SLUG.test(sale) ? await gateActor(c.env, sale).view() : null;
  if (!view) return refusedPage(c, "not_found");
  const mine = await mineOf(c, view);
  // From here on the visitor has a name: two quick first presses are then presses of one buyer.
  await ensureBuyer(c);
  const scene = { ...sceneOf(c), here: `/sales/${sale}`, now: view.serverTime };
  const refused = refusal && dictionaryOf(scene.lang).refusals[refusal.code];
  const page = <SalePage scene={scene} view={view} mine={mine} keyOf={freshKey} refused={refused} />;
  return show(c, page, refusal ? PROBLEMS[refusal.code].status : 200);
}

/** The order, when it is this visitor's. Somebody else's does not exist. */
async function myOrder(c: PageContext): Promise<Order | null> {
  const buyer = await buyerOf(c);
  const order = buyer ? await readOrder(c.env, c.req.param("order") ?? "") : null;
  return order && order.buyer === buyer ? order : null;
}

type Said = { refusal: Refusal | null; retry: CashierPageProps["retry"] };

async function cashier(c: PageContext, order: Order, { refusal, retry }: Said) {
  const scene = { ...sceneOf(c), here: `/orders/${order.order}/pay` };
  const refused = refusal && dictionaryOf(scene.lang).refusals[refusal.code];
  const accounts = (await saleOf(c.env, order.sale, scene.now))?.accounts;
  const device = deviceOf(c.req.raw.headers);
  const methods = waysToPay(c.env, { amount: order.amount, accounts, device }).map(
    ({ provider, method }) => ({ provider, method: method.name }),
  );
  const page = (
    <CashierPage
      scene={scene}
      order={order}
      methods={methods}
      keyOf={freshKey}
      refused={refused}
      retry={retry}
    />
  );
  return show(c, page, refusal ? PROBLEMS[refusal.code].status : 200);
}

/** Has the buyer paid already? Whoever comes back to a payment under way is a reason to ask now. */
async function askProvider(c: PageContext, order: Order): Promise<Order> {
  if (order.state !== "paying") return order;
  await nudgeOrder(c.env, order.order);
  return (await readOrder(c.env, order.order)) ?? order;
}

const isOver = ({ state }: Order): boolean => state === "paid" || state === "refunded";

export const pages = new Hono<App>();

for (const path of ["/sales/*", "/orders/*"]) pages.use(path, personal, inWords);

pages.get("/", async (c) => {
  const sales = await listSales(c.env.DB).catch(() => null);
  return show(c, <SalesPage scene={sceneOf(c)} sales={sales} />);
});

pages.get("/sales/:sale", (c) => landing(c, null));

pages.post("/sales/:sale/buy", admit(sameOriginOnly, limitAddress, limitBuyer), formLimit, async (c) => {
  const form = readBuyForm(await c.req.parseBody());
  if (!form) return landing(c, { code: "invalid_request" });
  const buyer = await ensureBuyer(c);
  const { sku, quantity, key } = form;
  const placed = await placeOrder(c.env, {
    buyer,
    sale: c.req.param("sale"),
    lines: [{ sku, quantity }],
    key,
  });
  if (!placed.ok) return landing(c, placed.error);
  return c.redirect(`/orders/${placed.value.order.order}/pay`, 303);
});

pages.get("/orders/:order/pay", async (c) => {
  const mine = await myOrder(c);
  if (!mine) return refusedPage(c, "not_found");
  const order = await askProvider(c, mine);
  if (isOver(order)) return c.redirect(`/orders/${order.order}`, 303);
  return cashier(c, order, { refusal: null, retry: null });
});

pages.post("/orders/:order/pay", admit(sameOriginOnly, limitBuyer), formLimit, async (c) => {
  const order = await myOrder(c);
  if (!order) return refusedPage(c, "not_found");
  const form = readPayForm(await c.req.parseBody());
  if (!form) return cashier(c, order, { refusal: { code: "invalid_request" }, retry: null });
  const { origin } = new URL(c.req.url);
  const here = `/orders/${order.order}`;
  const returnUrl = `${origin}${here}?returned=1`;
  const started = await startPayment(c.env, {
    ...form,
    payer: { address: addressOf(c), openid: null },
    order: order.order,
    buyer: order.buyer,
    returnUrl,
    origin,
  });
  if (started.ok) {
    const { action } = started.value.payment;
    if (action?.type === "qr" || isInLine(started.value.order, Date.now()))
      return c.redirect(`${here}/pay`, 303);
    const next = action?.type === "redirect" && isWeb(action.url) ? action.url : here;
    return c.redirect(next, 303);
  }
  // The page shows the order as it is now: whoever is told no sees why.
  const now = (await readOrder(c.env, order.order)) ?? order;
  if (isOver(now)) return c.redirect(here, 303);
  if (started.error.code === "payment_in_progress") return c.redirect(`${here}/pay`, 303);
  const retry = started.error.code === "provider_unavailable" ? form : null;
  if (started.error.retryAfter !== undefined) c.header("Retry-After", String(started.error.retryAfter));
  return cashier(c, now, { refusal: started.error, retry });
});

pages.post("/orders/:order/cancel", admit(sameOriginOnly, limitBuyer), async (c) => {
  const buyer = await buyerOf(c);
  if (!buyer) return refusedPage(c, "not_found");
  const id = c.req.param("order");
  const cancelled = await cancelOrder(c.env, id, buyer);
  if (!cancelled.ok && cancelled.error.code === "not_found") return refusedPage(c, "not_found");
  // Refused or not, the order page tells how it is.
  return c.redirect(`/orders/${id}`, 303);
});

pages.get("/orders/:order", async (c) => {
  const mine = await myOrder(c);
  if (!mine) return refusedPage(c, "not_found");
  const order = c.req.query("returned") === "1" ? await askProvider(c, mine) : mine;
  const asked = Number(c.req.query("n") ?? 0);
  const looks = Number.isSafeInteger(asked) && asked >= 0 ? asked : LOOKS_MAX;
  return show(
    c,
    <OrderPage scene={{ ...sceneOf(c), here: `/orders/${order.order}` }} order={order} looks={looks} />,
  );
});
