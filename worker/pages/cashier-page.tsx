import type { Order } from "../../schema/order.ts";
import { dictionaryOf, fill } from "./format.ts";
import { Countdown, Layout, Note, type Scene } from "./layout.tsx";
import { Code, codeOf, Lines, redirectOf, turnOf, watched } from "./order-parts.tsx";

/** One way to pay: a button. */
export interface Method {
  readonly provider: string;
  readonly method: string;
}

export interface CashierPageProps {
  readonly scene: Scene;
  readonly order: Order;
  readonly methods: readonly Method[];
  readonly keyOf: () => string;
  readonly refused: string | null;
  /** The payment whose answer never came: sent again with its own key, it is the same payment. */
  readonly retry: (Method & { readonly key: string }) | null;
}

export function CashierPage({ scene, order, methods, keyOf, refused, retry }: CashierPageProps) {
  const t = dictionaryOf(scene.lang);
  const turn = turnOf(order);
  return (
    <Layout scene={scene} title={t.cashier} script="order" refresh={turn === null ? null : scene.here} narrow>
      <h1>{t.cashier}</h1>
      {refused && (
        <Note kind="bad">
          <p>{refused}</p>
        </Note>
      )}
      <div {...watched(order, true)}>
        {order.state === "pending" && (
          <>
            <Countdown scene={scene} label={t.yoursFor} until={order.payBy} />
            <p class="soft small">{t.atZero}</p>
          </>
        )}
        <section class="card" aria-label={t.whatYouBuy}>
          <Lines t={t} order={order} />
        </section>
        {order.state === "pending" && <Choice scene={scene} order={order} methods={methods} keyOf={keyOf} />}
        {order.state === "paying" && turn !== null && <InLine scene={scene} turn={turn} order={order} />}
        {order.state === "paying" && turn === null && <UnderWay scene={scene} order={order} retry={retry} />}
        {order.state === "expired" && <Ended scene={scene} order={order} />}
      </div>
    </Layout>
  );
}

function Choice({
  scene,
  order,
  methods,
  keyOf,
}: Pick<CashierPageProps, "scene" | "order" | "methods" | "keyOf">) {
  const t = dictionaryOf(scene.lang);
  const last = order.payments.at(-1);
  const pay = `/orders/${order.order}/pay`;
  return (
    <div class="stack">
      {(last?.state === "failed" || last?.state === "cancelled") && <Note>{t.declined}</Note>}
      {methods.length === 0 && <Note kind="bad">{t.noMethods}</Note>}
      {methods.map(({ provider, method }, index) => (
        <form method="post" action={pay}>
          <input type="hidden" name="provider" value={provider} />
          <input type="hidden" name="method" value={method} />
          <input type="hidden" name="key" value={keyOf()} />
          <button type="submit" class={index === 0 ? undefined : "plain"}>
            {fill(t.payWith, { method: t.methods[method] ?? `${provider} ${method}` })}
          </button>
        </form>
      ))}
      <form method="post" action={`/orders/${order.order}/cancel`}>
        <button type="submit" class="plain">
          {t.cancel}
        </button>
      </form>
    </div>
  );
}

/** More people want to pay than the provider lets in: when it is their turn, and that no time to pay is lost. */
function InLine({ scene, turn, order }: { scene: Scene; turn: number; order: Order }) {
  const t = dictionaryOf(scene.lang);
  const minutes = Math.max(1, Math.round((order.payBy - turn) / 60_000));
  return (
    <div class="stack">
      <Note>
        <p>
          <strong>{t.inLine}</strong> {fill(t.inLineMore, { minutes: String(minutes) })}
        </p>
      </Note>
      <Countdown scene={scene} label={t.yourTurn} until={turn} />
    </div>
  );
}

function UnderWay({ scene, order, retry }: Pick<CashierPageProps, "scene" | "order" | "retry">) {
  const t = dictionaryOf(scene.lang);
  const redirect = redirectOf(order);
  const code = codeOf(order);
  return (
    <div class="stack">
      <Note>
        <p>
          <strong>{t.atTheBank}</strong> {t.atTheBankMore}
        </p>
      </Note>
      {redirect && (
        <a class="button" href={redirect} rel="noreferrer">
          {t.continueAtBank}
        </a>
      )}
      {code && <Code t={t} content={code} />}
      {!redirect && !code && <p>{t.findingOut}</p>}
      {!redirect && !code && retry && (
        <form method="post" action={`/orders/${order.order}/pay`}>
          <input type="hidden" name="provider" value={retry.provider} />
          <input type="hidden" name="method" value={retry.method} />
          <input type="hidden" name="key" value={retry.key} />
          <button type="submit">{t.tryAgain}</button>
        </form>
      )}
      <a class="button plain" href={`/orders/${order.order}?returned=1`}>
        {t.seeState}
      </a>
    </div>
  );
}

/** The time is over: what happened, and the way back. */
function Ended({ scene, order }: Pick<CashierPageProps, "scene" | "order">) {
  const t = dictionaryOf(scene.lang);
  return (
    <div class="stack">
      <Note kind="bad">
        <p>
          {order.reason === "cancelled" ? t.orderMore.cancelled : t.orderMore.pay_by_passed}{" "}
          {t.orderState.expired}
        </p>
      </Note>
      <a class="button" href={`/sales/${order.sale}`}>
        {t.backToSale}
      </a>
      <a class="button plain" href={`/orders/${order.order}`}>
        {t.seeOrder}
      </a>
    </div>
  );
}
