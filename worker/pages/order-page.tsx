import type { Money } from "../../schema/money.ts";
import { refundedOf, type Order } from "../../schema/order.ts";
import { dictionaryOf, fill, moneyText } from "./format.ts";
import type { Dictionary } from "./i18n/en.ts";
import { Countdown, Instant, Layout, Note, Price, type Scene } from "./layout.tsx";
import { codeOf, Lines, redirectOf, turnOf, watched } from "./order-parts.tsx";

/** Times a page without JavaScript looks again by itself: a minute, then its reader decides. */
export const LOOKS_MAX = 20;

/** Something is still under way that its reader waits for. */
export const isMoving = ({ state, refunds, stock }: Order): boolean =>
  state === "paying" || stock === "retaking" || refunds.some((refund) => refund.state === "pending");

/** @param looks how often this page has looked again by itself. */
export function OrderPage({ scene, order, looks }: { scene: Scene; order: Order; looks: number }) {
  const t = dictionaryOf(scene.lang);
  const moving = isMoving(order);
  const here = `/orders/${order.order}`;
  return (
    <Layout
      scene={scene}
      title={t.order}
      script="order"
      refresh={moving && looks < LOOKS_MAX ? `${here}?n=${looks + 1}` : null}
      narrow
    >
      <h1>{t.order}</h1>
      <div {...watched(order, moving || order.state === "pending")}>
        <Steps t={t} order={order} />
        <Note {...(order.state === "paid" && { kind: "good" as const })}>
          <p>
            <strong>{t.orderState[order.state]}</strong>
          </p>
          {explanations(t, order).map((text) => (
            <p>{text}</p>
          ))}
        </Note>
        {order.state === "pending" && <Countdown scene={scene} label={t.yoursFor} until={order.payBy} />}
        <Ways t={t} order={order} moving={moving} here={here} />
        <section class="card">
          <h2>{t.whatYouBuy}</h2>
          <Lines t={t} order={order} />
          <p class="soft small">
            {t.placedAt} <Instant t={t} at={order.createdAt} />
            <br />
            {t.payBy} <Instant t={t} at={order.payBy} />
            <br />
            {t.orderNumber} <span class="mono">{order.order}</span>
          </p>
        </section>
        <Payments t={t} order={order} />
        <Refunds t={t} order={order} />
      </div>
    </Layout>
  );
}

/** Placed, payment, and how it ended. */
function Steps({ t, order: { state } }: { t: Dictionary; order: Order }) {
  const ended = state === "expired" || state === "refunded";
  const third = ended ? state : "paid";
  const second = state === "pending" || state === "paying" ? "now" : "done";
  const last = ended ? "ended" : state === "paid" ? "done" : "";
  return (
    <ol class="steps" aria-label={t.progress}>
      <li class="done">{t.steps.placed}</li>
      {state !== "expired" && (
        <li class={second} {...(second === "now" && { "aria-current": "step" as const })}>
          {t.steps.paying}
        </li>
      )}
      <li class={last} {...(last !== "" && { "aria-current": "step" as const })}>
        {t.steps[third]}
      </li>
    </ol>
  );
}

/** What else is true of the order and matters to whoever paid, or did not. */
function explanations(t: Dictionary, order: Order): string[] {
  const more = t.orderMore;
  const late = order.refunds.some(({ reason }) => reason === "late_payment");
  const surplus = order.refunds.some(({ reason }) => reason === "duplicate_payment");
  const arrived = order.payments.some(({ state }) => state === "succeeded" || state === "authorized");
  const texts: string[] = [];
  if (order.state === "paying") texts.push(more.paying);
  if (order.state === "expired" && order.reason === "pay_by_passed") texts.push(more.pay_by_passed);
  if (order.state === "expired" && order.reason === "cancelled" && !arrived) texts.push(more.cancelled);
  else if (order.state === "expired" && !arrived) texts.push(more.charged);
  if (order.stock === "retaking") texts.push(more.lateRetaking);
  else if (late) texts.push(more.lateRefund);
  if (surplus) texts.push(more.surplus);
  const refunded = refundedOf(order);
  if (order.state === "paid" && refunded.amount > 0)
    texts.push(fill(more.partly, { amount: moneyText(t, refunded) }));
  return texts;
}

/** What the buyer can do now. */
function Ways({ t, order, moving, here }: { t: Dictionary; order: Order; moving: boolean; here: string }) {
  const redirect = order.state === "paying" ? redirectOf(order) : null;
  return (
    <div class="stack">
      {order.state === "pending" && (
        <a class="button" href={`${here}/pay`}>
          {t.payNow}
        </a>
      )}
      {redirect && (
        <a class="button plain" href={redirect} rel="noreferrer">
          {t.continueAtBank}
        </a>
      )}
      {order.state === "paying" && !redirect && (codeOf(order) ?? turnOf(order)) !== null && (
        <a class="button" href={`${here}/pay`}>
          {t.continueAtBank}
        </a>
      )}
      {moving && (
        <>
          <div data-ask-again="" hidden>
            <p>{t.notYet}</p>
          </div>
          <a class="button plain" href={here}>
            {t.askAgain}
          </a>
        </>
      )}
      {order.state === "expired" && (
        <a class="button" href={`/sales/${order.sale}`}>
          {t.backToSale}
        </a>
      )}
    </div>
  );
}

function Payments({ t, order }: { t: Dictionary; order: Order }) {
  const lines = order.payments.map(({ method, provider, state, ...line }) => ({
    ...line,
    what: t.methods[method ?? ""] ?? provider,
    state: t.paymentState[state],
  }));
  return <MoneyMoved t={t} title={t.payments} lines={lines} />;
}

function Refunds({ t, order }: { t: Dictionary; order: Order }) {
  const lines = order.refunds.map(({ reason, state, ...line }) => ({
    ...line,
    what: t.refundReason[reason] ?? reason,
    state: t.refundState[state],
  }));
  return <MoneyMoved t={t} title={t.refunds} lines={lines} />;
}

interface MovedLine {
  readonly what: string;
  readonly state: string;
  readonly amount: Money;
  readonly createdAt: number;
}

function MoneyMoved({ t, title, lines }: { t: Dictionary; title: string; lines: readonly MovedLine[] }) {
  if (lines.length === 0) return null;
  return (
    <section class="card">
      <h2>{title}</h2>
      <table class="lines">
        <tbody>
          {lines.map(({ what, state, amount, createdAt }) => (
            <tr>
              <td>
                {what}
                <br />
                <span class="soft small">
                  <Instant t={t} at={createdAt} />
                </span>
              </td>
              <td>{state}</td>
              <td class="number">
                <Price t={t} money={amount} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
