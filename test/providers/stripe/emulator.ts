/**
 * Stripe's interface as far as a checkout needs it, with its state: what is accepted and refused, by which words, follows
 * docs.stripe.com/api. It is strict where Stripe is: unknown parameters, pages that end too soon, keys that are used again.
 */

const PAGE_MS_MIN = 30 * 60_000;
const PAGE_MS_MAX = 24 * 3_600_000;

type Fields = { [name: string]: Fields | string | undefined };
type Body = Record<string, unknown>;

interface Intent extends Body {
  id: string;
  status: string;
  amount: number;
  amount_received: number;
  amount_capturable: number;
  currency: string;
  metadata: Record<string, string>;
  latest_charge: string | null;
}

interface Session extends Body {
  id: string;
  status: "open" | "complete" | "expired";
  payment_intent: string | null;
  metadata: Record<string, string>;
}

/** A page with what is not shown of it. */
type Page = Session & { intentData: Fields; total: number };

interface Refund extends Body {
  id: string;
  status: string;
  amount: number;
  payment_intent: string;
  metadata: Record<string, string>;
}

/** An answer that is no success, in Stripe's form. */
class Refused extends Error {
  readonly status: number;
  readonly facts: Body;
  constructor(status: number, message: string, facts: Body = {}) {
    super(message);
    this.status = status;
    this.facts = facts;
  }
}

const PARAMS: Record<string, readonly string[]> = {
  "POST /v1/checkout/sessions": [
    "mode",
    "client_reference_id",
    "line_items",
    "success_url",
    "cancel_url",
    "expires_at",
    "metadata",
    "payment_intent_data",
    "expand",
  ],
  "POST /v1/payment_intents": [
    "amount",
    "currency",
    "capture_method",
    "automatic_payment_methods",
    "payment_method_types",
    "payment_method",
    "confirm",
    "description",
    "metadata",
    "expand",
  ],
  "POST /v1/refunds": ["payment_intent", "amount", "metadata", "reason"],
};

export class StripeEmulator {
  readonly key: string;
  readonly #now: () => number;
  readonly #sessions = new Map<string, Page>();
  readonly #intents = new Map<string, Intent>();
  readonly #refunds = new Map<string, Refund>();
  readonly #answered = new Map<string, { params: string; body: string }>();
  /** Everything that happened, as the events that Stripe would send. */
  readonly events: { id: string; type: string; body: Body }[] = [];
  #serial = 0;

  constructor(key = "sk_test_emulated", now: () => number = Date.now) {
    this.key = key;
    this.#now = now;
  }

  /** One request as it arrived. */
  readonly answer = async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    const sent = await request.text();
    const params = request.method === "GET" ? searchParams : new URLSearchParams(sent);
    try {
      if (request.headers.get("authorization") !== `Bearer ${this.key}`)
        throw new Refused(401, "Invalid API Key provided");
      return this.#keyed(request, `${pathname}?${sent}`, () =>
        this.#route(`${request.method} ${pathname}`, fieldsOf(params)),
      );
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
      const error = { type: "invalid_request_error", message: cause.message, ...cause.facts };
      return json(cause.status, { error });
    }
  };

  /** Pages that somebody may pay on, the newest last. */
  open(): string[] {
    return [...this.#sessions.values()].filter(({ status }) => status === "open").map(({ id }) => id);
  }

  /** The buyer's card is good. */
  approve(ref: string): void {
    const session = this.#sessions.get(ref);
    if (session && session.status !== "open") return;
    const intent = session ? this.#intentFor(session) : this.#intents.get(ref);
    if (!intent || !intent.status.startsWith("requires_") || intent.status === "requires_capture") return;
    intent.latest_charge = this.#id("ch");
    if (session) session.status = "complete";
    if (intent["capture_method"] === "manual") {
      Object.assign(intent, { status: "requires_capture", amount_capturable: intent.amount });
      this.#tell("payment_intent.amount_capturable_updated", intent);
    } else {
      Object.assign(intent, { status: "succeeded", amount_received: intent.amount });
      this.#tell("payment_intent.succeeded", intent);
    }
    if (session) this.#tell("checkout.session.completed", shown(session));
  }

  /** The buyer's card is not. Stripe lets them try another. */
  decline(ref: string): void {
    const session = this.#sessions.get(ref);
    const intent = session ? this.#intentFor(session) : this.#intents.get(ref);
    if (intent) this.#tell("payment_intent.payment_failed", intent);
  }

  #keyed(request: Request, params: string, work: () => Body): Response {
    const key = request.headers.get("idempotency-key");
    const earlier = key === null ? undefined : this.#answered.get(key);
    if (earlier && earlier.params !== params)
      throw new Refused(400, "Keys for idempotent requests can only be used with the same parameters", {
        type: "idempotency_error",
      });
    if (earlier) return json(200, JSON.parse(earlier.body) as Body, { "idempotent-replayed": "true" });
    const body = work();
    if (key !== null) this.#answered.set(key, { params, body: JSON.stringify(body) });
    return json(200, body);
  }

  #route(what: string, fields: Fields): Body {
    const unknown = Object.keys(fields).find((name) => PARAMS[what] && !PARAMS[what].includes(name));
    if (unknown)
      throw new Refused(400, `Received unknown parameter: ${unknown}`, {
        code: "parameter_unknown",
        param: unknown,
      });
    const [, kind, id = "", verb] =
      /^\w+ \/v1\/(checkout\/sessions|payment_intents|refunds)(?:\/(\w+)(?:\/(\w+))?)?$/.exec(what) ?? [];
    const isPost = what.startsWith("POST");
    if (kind === "checkout/sessions") {
      if (isPost && id === "") return this.#createSession(fields);
      const session = known(this.#sessions.get(id), "checkout.session", id);
      return isPost && verb === "expire" ? this.#expire(session) : this.#read(session, fields);
    }
    if (kind === "payment_intents") {
      if (isPost && id === "") return this.#createIntent(fields);
      const intent = known(this.#intents.get(id), "payment_intent", id);
      if (!isPost) return intent;
      return verb === "capture" ? this.#capture(intent, fields) : this.#cancel(intent);
    }
    if (kind === "refunds") return isPost ? this.#refund(fields) : this.#listRefunds(fields);
    throw new Refused(404, `Unrecognized request URL (${what})`);
  }

  #createSession(fields: Fields): Body {
    const [item] = Object.values(fieldsIn(fields["line_items"]));
    const price = fieldsIn(fieldsIn(item)["price_data"]);
    const total =
      integer(price["unit_amount"], "line_items[0][price_data][unit_amount]") *
      Number(fieldsIn(item)["quantity"]);
    if (!fieldsIn(price["product_data"])["name"])
      throw missing("line_items[0][price_data][product_data][name]");
    if (fields["mode"] !== "payment") throw missing("mode");
    const ahead = integer(fields["expires_at"], "expires_at") * 1_000 - this.#now();
    if (ahead < PAGE_MS_MIN || ahead > PAGE_MS_MAX)
      throw new Refused(400, "The `expires_at` timestamp must be between 30 minutes and 24 hours from now", {
        param: "expires_at",
      });
    const id = this.#id("cs_test");
    const session = {
      id,
      object: "checkout.session",
      status: "open" as const,
      payment_status: "unpaid",
      url: `https://checkout.stripe.com/c/pay/${id}`,
      client_reference_id: fields["client_reference_id"] ?? null,
      amount_total: total,
      currency: text(price["currency"], "currency"),
      expires_at: Number(fields["expires_at"]),
      livemode: false,
      metadata: strings(fields["metadata"]),
      payment_intent: null,
      intentData: fieldsIn(fields["payment_intent_data"]),
      total,
    };
    this.#sessions.set(id, session);
    return shown(session);
  }

  /** The intent of a page comes to be when its buyer pays. */
  #intentFor(session: Page): Intent {
    const existing = session.payment_intent === null ? undefined : this.#intents.get(session.payment_intent);
    if (existing) return existing;
    const intent = this.#intent(session.total, String(session["currency"]), session.intentData);
    session.payment_intent = intent.id;
    return intent;
  }

  #createIntent(fields: Fields): Body {
    return this.#intent(integer(fields["amount"], "amount"), text(fields["currency"], "currency"), fields);
  }

  #intent(amount: number, currency: string, fields: Fields): Intent {
    const id = this.#id("pi");
    const intent: Intent = {
      id,
      object: "payment_intent",
      status: "requires_payment_method",
      amount,
      amount_received: 0,
      amount_capturable: 0,
      capture_method: fields["capture_method"] ?? "automatic",
      client_secret: `${id}_secret_${this.#id("x")}`,
      currency,
      description: fields["description"] ?? null,
      livemode: false,
      metadata: strings(fields["metadata"]),
      latest_charge: null,
    };
    this.#intents.set(id, intent);
    if (fields["confirm"] === "true" && fields["payment_method"] === "pm_card_visa") this.approve(id);
    return intent;
  }

  #expire(session: Page): Body {
    if (session.status !== "open")
      throw new Refused(400, 'Only Checkout Sessions with a status in ["open"] can be expired.');
    session.status = "expired";
    session["url"] = null;
    const intent = session.payment_intent === null ? undefined : this.#intents.get(session.payment_intent);
    if (intent) intent.status = "canceled";
    this.#tell("checkout.session.expired", shown(session));
    return shown(session);
  }

  #read(session: Page, fields: Fields): Body {
    const expand = Object.values(fieldsIn(fields["expand"]));
    const body = shown(session);
    if (!expand.includes("payment_intent") || session.payment_intent === null) return body;
    return { ...body, payment_intent: this.#intents.get(session.payment_intent) };
  }

  #capture(intent: Intent, fields: Fields): Body {
    const amount =
      fields["amount_to_capture"] === undefined
        ? intent.amount_capturable
        : integer(fields["amount_to_capture"], "amount_to_capture");
    if (intent.status !== "requires_capture") throw state(intent, "capture");
    if (amount > intent.amount_capturable)
      throw new Refused(400, "The amount to capture is greater than the amount that can be captured", {
        code: "amount_too_large",
      });
    Object.assign(intent, { status: "succeeded", amount_received: amount, amount_capturable: 0 });
    this.#tell("payment_intent.succeeded", intent);
    return intent;
  }

  #cancel(intent: Intent): Body {
    if (intent.status === "succeeded" || intent.status === "canceled") throw state(intent, "cancel");
    Object.assign(intent, { status: "canceled", amount_capturable: 0 });
    this.#tell("payment_intent.canceled", intent);
    return intent;
  }

  #refund(fields: Fields): Body {
    const intent = known(
      this.#intents.get(text(fields["payment_intent"], "payment_intent")),
      "payment_intent",
      String(fields["payment_intent"]),
    );
    if (intent.status !== "succeeded")
      throw new Refused(400, "This PaymentIntent does not have a successful charge to refund.");
    const given = [...this.#refunds.values()].filter((refund) => refund.payment_intent === intent.id);
    const left = intent.amount_received - given.reduce((sum, { amount }) => sum + amount, 0);
    const amount = fields["amount"] === undefined ? left : integer(fields["amount"], "amount");
    if (left === 0)
      throw new Refused(400, "Charge has already been refunded.", { code: "charge_already_refunded" });
    if (amount > left) throw new Refused(400, "Refund amount is greater than unrefunded amount on charge");
    const refund: Refund = {
      id: this.#id("re"),
      object: "refund",
      status: "succeeded",
      amount,
      charge: intent.latest_charge,
      currency: intent.currency,
      metadata: strings(fields["metadata"]),
      payment_intent: intent.id,
      reason: fields["reason"] ?? null,
    };
    this.#refunds.set(refund.id, refund);
    this.#tell("refund.created", refund);
    return refund;
  }

  #listRefunds(fields: Fields): Body {
    const data = [...this.#refunds.values()]
      .filter(({ payment_intent: of }) => of === fields["payment_intent"])
      .toReversed();
    return { object: "list", data, has_more: false, url: "/v1/refunds" };
  }

  #tell(type: string, object: Body): void {
    const id = this.#id("evt");
    const created = Math.floor(this.#now() / 1_000);
    const facts = { object: "event", api_version: "2026-10-28.endive", created, livemode: false, type };
    this.events.push({ id, type, body: { id, ...facts, data: { object: structuredClone(object) } } });
  }

  #id(prefix: string): string {
    return `${prefix}_${(++this.#serial).toString().padStart(8, "0")}`;
  }
}

const json = (status: number, body: Body, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers: { "request-id": "req_emulated", ...headers } });

/** A page as its merchant sees it. */
function shown(session: Page): Body {
  const { intentData: _intentData, total: _total, ...seen } = session;
  return seen;
}

function known<T>(thing: T | undefined, kind: string, id: string): T {
  if (thing === undefined)
    throw new Refused(404, `No such ${kind}: '${id}'`, { code: "resource_missing", param: "id" });
  return thing;
}

const state = ({ status }: Intent, verb: string): Refused =>
  new Refused(400, `You cannot ${verb} this PaymentIntent because it has a status of ${status}.`, {
    code: "payment_intent_unexpected_state",
  });

const missing = (param: string): Refused =>
  new Refused(400, `Missing required param: ${param}.`, { code: "parameter_missing", param });

function text(value: Fields | string | undefined, param: string): string {
  if (typeof value !== "string" || value === "") throw missing(param);
  return value;
}

function integer(value: Fields | string | undefined, param: string): number {
  const written = text(value, param);
  if (!/^\d+$/.test(written))
    throw new Refused(400, `Invalid integer: ${written}`, { code: "parameter_invalid_integer", param });
  return Number(written);
}

const fieldsIn = (value: Fields | string | undefined): Fields => (typeof value === "object" ? value : {});

const strings = (value: Fields | string | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(fieldsIn(value)).map(([name, field]) => [name, String(field)]));

/** `a[b][0]=c` as Stripe reads it. */
function fieldsOf(params: URLSearchParams): Fields {
  const root: Fields = {};
  for (const [name, value] of params) {
    const path = name.split(/[[\]]+/).filter((part) => part !== "");
    let at = root;
    for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Fields;
    at[path.at(-1) ?? ""] = value;
  }
  return root;
}
