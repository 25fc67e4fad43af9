import { saleStateAt, type Sale } from "../../schema/sale.ts";
import { dictionaryOf } from "./format.ts";
import { Instant, Layout, Note, type Scene } from "./layout.tsx";

/** The list of sales; null when it could not be read, which the page says. */
export function SalesPage({ scene, sales }: { scene: Scene; sales: readonly Sale[] | null }) {
  const t = dictionaryOf(scene.lang);
  return (
    <Layout scene={scene} title={t.sales} script="order">
      <h1>{t.sales}</h1>
      {sales === null && <Note>{t.salesAway}</Note>}
      {sales?.length === 0 && <p class="soft">{t.noSales}</p>}
      <ul class="cards">
        {sales?.map((sale) => {
          const state = saleStateAt(sale, scene.now);
          return (
            <li class="card">
              <p>
                <span class={`badge ${state}`}>{t.state[state]}</span>
              </p>
              <h2>
                <a href={`/sales/${sale.id}`}>{sale.name}</a>
              </h2>
              <p class="soft small">
                {{ upcoming: t.opensAt, open: t.closesAt, closed: t.closedAt }[state]}{" "}
                <Instant t={t} at={state === "upcoming" ? sale.opensAt : sale.closesAt} />
              </p>
            </li>
          );
        })}
      </ul>
    </Layout>
  );
}
