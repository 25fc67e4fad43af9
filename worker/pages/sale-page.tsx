import type { GateOffer, GateView } from "../../schema/actors.ts";
import { QUANTITY_MAX } from "../../schema/limits.ts";
import { dictionaryOf, durationText, fill } from "./format.ts";
import type { Dictionary } from "./i18n/en.ts";
import { Countdown, Instant, Layout, Note, Price, type Scene } from "./layout.tsx";

/** A choice of more is a number nobody scrolls to. */
const CHOICES_MAX = 20;

/** What this buyer already holds or owns in the sale. */
export interface Mine {
  readonly order: string;
  readonly name: string;
  readonly bought: boolean;
}

export interface SalePageProps {
  readonly scene: Scene;
  readonly view: GateView;
  readonly mine: readonly Mine[];
  /** A fresh idempotency key for each form. */
  readonly keyOf: () => string;
  /** Why the last press was refused, in words. */
  readonly refused: string | null;
}

export function SalePage({ scene, view, mine, keyOf, refused }: SalePageProps) {
  const t = dictionaryOf(scene.lang);
  const { sale, state, offers } = view;
  const words = JSON.stringify(t.stock);
  return (
    <Layout scene={scene} title={sale.name} script="sale">
      <p>
        <span class={`badge ${state}`}>{t.state[state]}</span>
      </p>
      <h1>{sale.name}</h1>
      {refused && (
        <Note kind="bad">
          <p>{refused}</p>
        </Note>
      )}
      <Waiting t={t} mine={mine} />
      <Opening scene={scene} view={view} />
      {state !== "closed" && (
        <p class="soft small">{fill(t.limit, { n: sale.perBuyerMax, time: durationText(t, sale.holdMs) })}</p>
      )}
      <p class="sr" aria-live="polite" data-say=""></p>
      <ul class="cards" data-sale={sale.id} data-state={state} data-words={words}>
        {offers.map((offer) => (
          <OfferCard t={t} view={view} offer={offer} formKey={keyOf()} />
        ))}
      </ul>
      <p>
        <a href={`/sales/${sale.id}`}>{t.refresh}</a>
      </p>
    </Layout>
  );
}

function Waiting({ t, mine }: { t: Dictionary; mine: readonly Mine[] }) {
  return (
    <>
      {mine.map(({ order, name, bought }) => (
        <Note kind="good">
          <p>
            {fill(bought ? t.yours : t.waiting, { name })}{" "}
            <a href={bought ? `/orders/${order}` : `/orders/${order}/pay`}>
              {bought ? t.seeOrder : t.continueToPay}
            </a>
          </p>
        </Note>
      ))}
    </>
  );
}

function Opening({ scene, view: { sale, state } }: { scene: Scene; view: GateView }) {
  const t = dictionaryOf(scene.lang);
  if (state === "upcoming")
    return (
      <div data-shown-when="upcoming">
        <Countdown scene={scene} label={t.opensIn} until={sale.opensAt} then="open" />
        <p class="soft small">
          {t.opensAt} <Instant t={t} at={sale.opensAt} /> · {t.refreshAtOpening}
        </p>
      </div>
    );
  if (state === "open")
    return <Countdown scene={scene} label={t.closesIn} until={sale.closesAt} then="closed" />;
  return (
    <p class="soft">
      {t.closedAt} <Instant t={t} at={sale.closesAt} />
    </p>
  );
}

interface OfferCardProps {
  readonly t: Dictionary;
  readonly view: GateView;
  readonly offer: GateOffer;
  readonly formKey: string;
}

function OfferCard({ t, view: { sale, state }, offer, formKey }: OfferCardProps) {
  const stock = fill(t.stock[offer.state], { n: offer.available });
  const choices = Math.min(sale.perBuyerMax, QUANTITY_MAX, CHOICES_MAX);
  return (
    <li class="card" data-sku={offer.sku} data-name={offer.name}>
      {offer.image ? <img class="picture" src={offer.image} alt="" loading="lazy" /> : <Lamp />}
      <h2>{offer.name}</h2>
      <p class="price">
        <Price t={t} money={offer.price} />
      </p>
      <p class="stock" data-stock={offer.state}>
        {stock}
      </p>
      {state !== "closed" && (
        <form class="buy" method="post" action={`/sales/${sale.id}/buy`}>
          <input type="hidden" name="sku" value={offer.sku} />
          <input type="hidden" name="key" value={formKey} />
          <label>
            {t.quantity}
            <select name="quantity">
              {Array.from({ length: choices }, (_, index) => (
                <option value={String(index + 1)}>{index + 1}</option>
              ))}
            </select>
          </label>
          <button
            type="submit"
            data-buy=""
            aria-label={fill(t.buyNamed, { name: offer.name })}
            disabled={state !== "open" || offer.state === "sold_out"}
          >
            {t.buy}
          </button>
        </form>
      )}
    </li>
  );
}

/** What stands for goods without a picture. */
const Lamp = () => (
  <svg class="picture" viewBox="0 0 160 120" aria-hidden="true" focusable="false">
    <path d="M58 22h44l20 42H38z" fill="currentColor" />
    <path d="M77 64h6v30h-6zM58 94h44v6H58z" fill="currentColor" opacity=".6" />
    <path d="M44 70h72l14 36H30z" fill="currentColor" opacity=".14" />
  </svg>
);
