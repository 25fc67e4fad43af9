import { PROBLEMS, type ProblemCode } from "../problem.ts";
import type { Language } from "../app-env.ts";
import { dictionaryOf } from "./format.ts";
import { documentOf, Layout, type Scene } from "./layout.tsx";

/** Explains a code: for whoever was refused, and for whoever wrote the client that was. */
export function problemPage(scene: Scene, code: ProblemCode) {
  const t = dictionaryOf(scene.lang);
  const { status, title, explain } = PROBLEMS[code];
  return documentOf(
    <Layout scene={scene} title={t.refusals[code]} narrow>
      <h1>{t.refusals[code]}</h1>
      <section class="card">
        <h2>{t.forDevelopers}</h2>
        <p lang="en">
          <strong>{title}.</strong> {explain}
        </p>
        <p class="soft small">
          HTTP {status} · {t.code} <span class="mono">{code}</span>
        </p>
      </section>
    </Layout>,
  );
}

interface ErrorPageProps {
  readonly status: number;
  readonly lang: Language;
  /** Path and query. */
  readonly here: string;
  readonly requestId: string;
  readonly now: number;
  /** Says more than the status does, where there is more to say. */
  readonly code?: ProblemCode;
}

/** What people see instead of a page: nothing there, or something broken. Needs no storage and no other actor. */
export function errorPage({ status, lang, here, requestId, now, code }: ErrorPageProps) {
  const t = dictionaryOf(lang);
  const missing = status === 404;
  const title = missing ? t.notFound : code ? t.refusals[code] : t.broken;
  return documentOf(
    <Layout scene={{ lang, here, now }} title={title} narrow>
      <h1>{title}</h1>
      {missing && <p>{t.notFoundMore}</p>}
      {status >= 500 && <p>{t.brokenMore}</p>}
      <p class="soft small">
        {t.request} <span class="mono">{requestId}</span>
      </p>
      <a class="button" href="/">
        {t.home}
      </a>
    </Layout>,
  );
}
