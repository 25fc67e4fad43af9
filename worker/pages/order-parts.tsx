import { raw } from "hono/html";
import { renderSVG } from "uqr";
import { times } from "../../schema/money.ts";
import type { Order, Payment } from "../../schema/order.ts";
import type { Dictionary } from "./i18n/en.ts";
import { Price } from "./layout.tsx";

/** What an order buys, and for how much. */
export function Lines({ t, order }: { t: Dictionary; order: Order }) {
  return (
    <table class="lines">
      <caption class="sr">{t.whatYouBuy}</caption>
      <thead>
        <tr>
          <th scope="col">{t.item}</th>
          <th scope="col" class="number">
            {t.quantity}
          </th>
          <th scope="col" class="number">
            {t.price}
          </th>
        </tr>
      </thead>
      <tbody>
        {order.lines.map(({ name, quantity, unitPrice }) => (
          <tr>
            <td>{name}</td>
            <td class="number">{quantity}</td>
            <td class="number">
              <Price t={t} money={times(unitPrice, quantity)} />
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row" colspan={2}>
            {t.total}
          </th>
          <td class="number">
            <Price t={t} money={order.amount} />
          </td>
        </tr>
      </tfoot>
    </table>
  );
}

/** What a page needs to notice that the order has changed since it was written. */
export const watched = (order: Order, watch: boolean) => ({
  "data-order": order.order,
  "data-state": order.state,
  "data-version": String(order.version),
  ...(watch && { "data-watch": "" }),
});

/** The payment whose buyer waits for their turn at the provider, until when. */
export function turnOf({ payments }: Order): number | null {
  const last = payments.at(-1);
  return last?.inLine && last.state === "created" ? last.createdAt : null;
}

export const isInLine = (order: Order, now: number): boolean => (turnOf(order) ?? now) > now;

/** What a phone has to scan, for whoever sits before another screen. */
export function Code({ t, content }: { t: Dictionary; content: string }) {
  return (
    <figure class="code">
      {raw(renderSVG(content, { border: 2 }))}
      <figcaption>{t.scan}</figcaption>
    </figure>
  );
}

/** The payment that waits for its buyer. */
const waiting = ({ payments }: Order): Payment | undefined =>
  payments.findLast(({ state }) => state === "requires_action");

/** What is to be scanned; null when the payment under way goes another way. */
export function codeOf(order: Order): string | null {
  const action = waiting(order)?.action;
  return action?.type === "qr" ? action.content : null;
}

/** Where the buyer goes on with the payment that is under way; null when the provider has given no such place. */
export function redirectOf(order: Order): string | null {
  const action = waiting(order)?.action;
  return action?.type === "redirect" && isWeb(action.url) ? action.url : null;
}

/** A provider's word becomes a link only when it is one. */
export const isWeb = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
