import { beforeAll, describe, expect, test } from "vitest";
import { call, fresh, line, ORIGIN, sale, tokenOf } from "../../routes/shop.ts";

/**
 * PCI DSS 6.4.3 and 11.6.1, ASVS 5.0 3.2.2, 3.4.3, 3.6.1, OWASP API8:2023: what may run on a page on which somebody pays. Each script is in a list
 * with its reason and its hash, and a page that loads or holds anything else is found.
 */

interface Script {
  readonly path: string;
  readonly pages: readonly string[];
  readonly why: string;
  readonly integrity: string;
}

let scripts: readonly Script[];
const pages = new Map<string, { html: string; csp: string }>();

beforeAll(async () => {
  ({ scripts } = (await call("/assets/scripts.json")).body);
  const { id, sku } = await sale([5]);
  const buyer = fresh("payer");
  const token = await tokenOf(buyer);
  const order = (await call("/v1/orders", { token, body: { sale: id, lines: [line(sku)] } })).body.id;
  const paying = await call(`/v1/orders/${order}/payments`, { token, body: { provider: "sandbox" } });
  const { pathname: bank } = new URL(paying.body.action.url);
  const paths = {
    sales: "/",
    sale: `/sales/${id}`,
    cashier: `/orders/${order}/pay`,
    order: `/orders/${order}`,
    bank,
    docs: "/docs",
  };
  for (const [page, path] of Object.entries(paths)) {
    const headers = { accept: "text/html", cookie: `__Host-buyer=${token}` };
    const { status, headers: said, body } = await call(path, { headers });
    expect([page, status]).toEqual([page, 200]);
    pages.set(page, { html: body, csp: said.get("content-security-policy") ?? "" });
  }
});

/** What is on a page, or allowed on it, that the list does not have. */
function strange(page: string, { html, csp }: { html: string; csp: string }): string[] {
  const listed = scripts.filter((script) => script.pages.includes(page)).map(({ path }) => path);
  const wrong: string[] = [];
  for (const [tag, attributes = "", inside = ""] of html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script/gi)) {
    const source = /\ssrc="([^"]*)"/i.exec(attributes)?.[1];
    if (inside.trim() !== "") wrong.push(`inline: ${tag}`);
    else if (source === undefined || !listed.includes(source)) wrong.push(`not listed: ${tag}`);
  }
  const opened = html.match(/<script\b/gi)?.length ?? 0;
  if (opened !== (html.match(/<\/script\s*>/gi)?.length ?? 0)) wrong.push("a script has no end");
  for (const [what] of html.matchAll(
    /\son[a-z]+\s*=|\b(?:href|src|action|formaction)\s*=\s*["']?\s*(?:javascript|data|vbscript):|<(?:iframe|object|embed|base)\b/gi,
  ))
    wrong.push(`active: ${what}`);
  const rules = new Map(csp.split(";").map((rule) => [rule.trim().split(/\s+/)[0] ?? "", rule.trim()]));
  if (rules.get("script-src") !== "script-src 'self'") wrong.push(`policy: ${rules.get("script-src")}`);
  for (const rule of ["default-src", "base-uri", "frame-ancestors"])
    if (rules.get(rule) !== `${rule} 'none'`) wrong.push(`policy: ${rule} ${rules.get(rule)}`);
  if (/unsafe-eval|unsafe-hashes|script-src[^;]*unsafe-inline|script-src[^;]*(?:\*|https?:|data:)/.test(csp))
    wrong.push(`policy: ${csp}`);
  return wrong;
}

const integrityOf = async (bytes: ArrayBuffer): Promise<string> =>
  `sha384-${Buffer.from(await crypto.subtle.digest("SHA-384", bytes)).toString("base64")}`;

test.for(["sales", "sale", "cashier", "order", "bank", "docs"])(
  "the page %s loads what is listed, and holds nothing active of its own",
  (page) => {
    const seen = pages.get(page);
    expect(seen && strange(page, seen)).toEqual([]);
  },
);

test("every listed script is served, is what its hash says, and has its reason", async () => {
  expect(scripts.length).toBeGreaterThanOrEqual(4);
  for (const { path, why, integrity } of scripts) {
    const { body, headers } = await call(path);
    expect(await integrityOf(new TextEncoder().encode(body).buffer), path).toBe(integrity);
    expect(headers.get("content-type"), path).toMatch(/^text\/javascript/);
    expect(why.length, path).toBeGreaterThan(20);
  }
});

test("a payment page runs one script, and no page loads one from elsewhere", () => {
  const scriptsOf = (page: string) =>
    [...(pages.get(page)?.html ?? "").matchAll(/<script[^>]*src="([^"]*)"/g)].map(([, source]) => source);
  expect(scriptsOf("cashier")).toEqual(["/assets/order.js"]);
  for (const page of pages.keys())
    for (const source of scriptsOf(page)) expect(new URL(source ?? "", ORIGIN).origin).toBe(ORIGIN);
});

describe("a script that somebody plants is found", () => {
  const planted = [
    '<script src="https://evil.example/skim.js"></script>',
    '<script src="/assets/skim.js"></script>',
    "<script src=/assets/order.js></script>",
    '<script src="/assets/sale.js"></script>',
    "<script>fetch('https://evil.example')</script>",
    "<SCRIPT\n>alert(1)</SCRIPT>",
    "<script src='x'>",
    '<img src="x" onerror="alert(1)">',
    '<a href="javascript:alert(1)">pay</a>',
    '<iframe src="https://evil.example"></iframe>',
    '<base href="https://evil.example/">',
  ];
  test.for(planted)("%s", (tag) => {
    const seen = pages.get("cashier") ?? { html: "", csp: "" };
    expect(strange("cashier", { ...seen, html: seen.html.replace("</main>", `${tag}</main>`) })).not.toEqual(
      [],
    );
  });

  test.for([
    "",
    "script-src 'self'",
    "default-src 'none'; script-src 'self' 'unsafe-inline'",
    "default-src *",
  ])("and so is a policy that lets it in: %j", (csp) => {
    const seen = pages.get("cashier") ?? { html: "", csp: "" };
    expect(strange("cashier", { ...seen, csp })).not.toEqual([]);
  });

  test("and so is a listed one with other bytes", async () => {
    const [script] = scripts;
    const { body } = await call(script?.path ?? "");
    expect(await integrityOf(new TextEncoder().encode(`${body};`).buffer)).not.toBe(script?.integrity);
  });
});
