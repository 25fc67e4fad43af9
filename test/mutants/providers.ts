import type { Mutant } from "./mutant.ts";

const ALIPAY = "worker/providers/alipay/wire.ts";
const WECHATPAY = "worker/providers/wechatpay/envelope.ts";
const WECHATPAY_WIRE = "worker/providers/wechatpay/wire.ts";
const STRIPE = "worker/providers/stripe/adapter.ts";
const PAYPAL = "worker/providers/paypal/adapter.ts";
const OUTBOUND = "worker/providers/outbound.ts";
const CIRCUIT = "worker/providers/circuit.ts";

/** Mistakes at the doors of the providers. */
export const PROVIDERS: readonly Mutant[] = [
  {
    harm: "Alipay's word for another seller pays an order",
    file: ALIPAY,
    was: "said.app_id !== app_id || said.seller_id !== seller_id",
    is: "said.app_id !== app_id",
    tests: ["test/providers/alipay/alipay.test.ts"],
  },
  {
    harm: "Alipay's word for another application pays an order",
    file: ALIPAY,
    was: "said.app_id !== app_id || said.seller_id !== seller_id",
    is: "said.seller_id !== seller_id",
    tests: ["test/providers/alipay/alipay.test.ts"],
  },
  {
    harm: "a trade of Alipay that was paid and then refunded was never paid",
    file: ALIPAY,
    was: '!paidAt) return { type: "payment_closed"',
    is: 'paidAt !== null) return { type: "payment_closed"',
    tests: ["test/providers/alipay/alipay.test.ts"],
  },
  {
    harm: "anybody may speak for Alipay",
    file: "worker/providers/alipay/adapter.ts",
    was: "if (!(await gateway.isSigned(fields))) return refused",
    is: "if (fields.size === 0) return refused",
    tests: ["test/providers/alipay/alipay.test.ts"],
  },
  {
    harm: "an answer that Alipay has not signed is believed",
    file: "worker/providers/alipay/adapter.ts",
    was: " || !(await this.#proof.ofAnswer(member, sign, number))",
    is: "",
    tests: ["test/providers/alipay/alipay.test.ts"],
  },
  {
    harm: "a form says something twice, and the unsigned one counts",
    file: "worker/providers/alipay/signature.ts",
    was: "    if (fields.has(name)) return null;\n",
    is: "",
    tests: ["test/providers/alipay/alipay.test.ts"],
  },
  {
    harm: "anybody may speak for WeChat Pay",
    file: WECHATPAY,
    was: '    : "The signature does not match.";',
    is: "    : null;",
    tests: ["test/providers/wechatpay/wechatpay.test.ts"],
  },
  {
    harm: "what WeChat Pay said a year ago is said again by whoever kept it",
    file: WECHATPAY,
    was: "> SKEW_MS_MAX)",
    is: "> Infinity)",
    tests: ["test/providers/wechatpay/wechatpay.test.ts"],
  },
  {
    harm: "WeChat Pay's word for another merchant pays an order",
    file: WECHATPAY_WIRE,
    was: "said.mchid !== mchid || said.appid !== appid",
    is: "said.appid !== appid",
    tests: ["test/providers/wechatpay/wechatpay.test.ts"],
  },
  {
    harm: "WeChat Pay's word for another application pays an order",
    file: WECHATPAY_WIRE,
    was: "said.mchid !== mchid || said.appid !== appid",
    is: "said.mchid !== mchid",
    tests: ["test/providers/wechatpay/wechatpay.test.ts"],
  },
  {
    harm: "a refund of another merchant counts as one of ours",
    file: WECHATPAY_WIRE,
    was: "if (!said || said.mchid !== mchid) return",
    is: "if (!said) return",
    tests: ["test/providers/wechatpay/wechatpay.test.ts"],
  },
  {
    harm: "anybody may speak for Stripe",
    file: STRIPE,
    was: "return !(cause instanceof Stripe.errors.StripeSignatureVerificationError);",
    is: "return cause !== null;",
    tests: ["test/providers/stripe/stripe.test.ts"],
  },
  {
    harm: "what Stripe said a year ago is said again by whoever kept it",
    file: STRIPE,
    was: "if (Math.abs(clock - Number(seconds) * 1_000) > NOTICE_SKEW_MS_MAX)",
    is: "if (clock < 0)",
    tests: ["test/providers/stripe/stripe.test.ts"],
    without: {
      mechanism: "Stripe's own library looks at the age as well",
      file: STRIPE,
      was: "constructEventAsync(payload, signature, secret)",
      is: "constructEventAsync(payload, signature, secret, Number.MAX_SAFE_INTEGER)",
    },
  },
  {
    harm: "money of Stripe's test world pays a real order",
    file: "worker/providers/stripe/wire.ts",
    was: "if (livemode !== live) return",
    is: "if (livemode === null) return",
    tests: ["test/providers/stripe/stripe.test.ts"],
  },
  {
    harm: "anybody may speak for PayPal",
    file: PAYPAL,
    was: '.verification_status === "SUCCESS"',
    is: ".verification_status !== undefined",
    tests: ["test/providers/paypal/paypal.test.ts"],
  },
  {
    harm: "a buyer at PayPal approves another amount, and it is taken",
    file: PAYPAL,
    was: "if (!sameMoney(known.amount, payment.amount)) return",
    is: "if (payment.amount === null) return",
    tests: ["test/providers/paypal/paypal.test.ts"],
  },
  {
    harm: "a provider that is down keeps every buyer waiting",
    file: CIRCUIT,
    was: "if (this.#failures < FAILURES_MAX) return true;",
    is: "if (this.#failures >= 0) return true;",
    tests: ["test/providers/outbound.test.ts"],
  },
  {
    harm: "a provider that has failed a few times in a year counts as down",
    file: CIRCUIT,
    was: "this.#failures = succeeded ? 0 : this.#failures + 1;",
    is: "this.#failures += succeeded ? 0 : 1;",
    tests: ["test/providers/outbound.test.ts"],
  },
  {
    harm: "after a break everybody tries at once",
    file: CIRCUIT,
    was: "    this.#silentUntil = now + OPEN_MS;\n    return true;",
    is: "    return true;",
    tests: ["test/providers/outbound.test.ts"],
  },
  {
    harm: "a key of ours follows a redirect to somebody else",
    file: OUTBOUND,
    was: 'redirect: "manual"',
    is: 'redirect: "follow"',
    tests: ["test/providers/outbound.test.ts"],
  },
  {
    harm: "an answer without an end fills the memory",
    file: OUTBOUND,
    was: "if (bytes > bytesMax) throw",
    is: "if (bytes < 0) throw",
    tests: ["test/providers/outbound.test.ts"],
  },
];
