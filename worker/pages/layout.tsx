import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { Money } from "../../schema/money.ts";
import type { Language } from "../app-env.ts";
import { dictionaryOf, leftText, moneyText, timeText } from "./format.ts";
import type { Dictionary } from "./i18n/en.ts";

/** What every page knows: the language, where it stands, and the server's time when it was written. */
export interface Scene {
  readonly lang: Language;
  /** Path and query. The language switch leads back here. */
  readonly here: string;
  readonly now: number;
}

interface LayoutProps {
  readonly scene: Scene;
  readonly title: string;
  readonly script?: "sale" | "order";
  /** Where a page without JavaScript looks again by itself after three seconds. */
  readonly refresh?: string | null;
  readonly narrow?: boolean;
  readonly children?: Child;
}

/** The same place in the other language. */
function switched(here: string, lang: string): string {
  const url = new URL(here, "http://page.invalid");
  url.searchParams.set("lang", lang);
  return url.pathname + url.search;
}

export function Layout({ scene, title, script, refresh, narrow, children }: LayoutProps) {
  const t = dictionaryOf(scene.lang);
  return (
    <html lang={t.locale}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Doorbuster`}</title>
        <meta name="description" content={title} />
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/app.css" />
        {script && <script type="module" src={`/assets/${script}.js`}></script>}
        {refresh && (
          <noscript>
            <meta http-equiv="refresh" content={`3;url=${refresh}`} />
          </noscript>
        )}
      </head>
      <body>
        <a class="skip" href="#main">
          {t.skip}
        </a>
        <div class={narrow ? "page narrow" : "page"}>
          <header class="top">
            <a class="brand" href="/">
              <img src="/favicon.svg" alt="" width="28" height="28" />
              Doorbuster
            </a>
            <a
              class="switch"
              href={switched(scene.here, t.other.lang)}
              lang={t.other.lang}
              hreflang={t.other.lang}
            >
              {t.other.name}
            </a>
          </header>
          <main id="main" data-server-time={new Date(scene.now).toISOString()}>
            {children}
          </main>
          <footer>
            <p>{t.footer}</p>
            <a href="/">{t.home}</a>
          </footer>
        </div>
      </body>
    </html>
  );
}

/** The whole document of a page. */
export const documentOf = (page: Child) => html`<!doctype html>${page}`;

export const Price = ({ t, money }: { t: Dictionary; money: Money }) => <>{moneyText(t, money)}</>;

/** An instant, rewritten in the reader's zone when there is JavaScript. */
export const Instant = ({ t, at }: { t: Dictionary; at: number }) => (
  <time datetime={new Date(at).toISOString()} data-local="">
    {timeText(t, at)}
  </time>
);

interface CountdownProps {
  readonly scene: Scene;
  readonly label: string;
  readonly until: number;
  /** The state that a sale is in when this reaches zero. */
  readonly then?: "open" | "closed";
}

/** A timer is not a live region: it is read when somebody goes there, not every second. */
export function Countdown({ scene, label, until, then }: CountdownProps) {
  const t = dictionaryOf(scene.lang);
  return (
    <div class="clock">
      <span>{label}</span>
      <b
        role="timer"
        aria-label={label}
        data-until={new Date(until).toISOString()}
        data-days={t.days}
        {...(then && { "data-then": then })}
      >
        {leftText(t, until - scene.now)}
      </b>
    </div>
  );
}

export const Note = ({ kind, children }: { kind?: "good" | "bad"; children?: Child }) => (
  <div class={kind ? `note ${kind}` : "note"} role={kind === "bad" ? "alert" : "status"}>
    {children}
  </div>
);
