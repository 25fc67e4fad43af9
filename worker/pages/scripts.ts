/**
 * Every script that a page of ours may load, and why. The build adds what each holds, as a hash, and writes the list to
 * `/assets/scripts.json`: whoever answers for a payment page (PCI DSS 6.4.3) finds what runs there, and can tell when it changes.
 */
export const SCRIPTS = {
  "assets/sale": {
    source: "sale.ts",
    pages: ["sale", "bank"],
    why: "Shows the live stock and the countdown of a sale. There and at the sandbox bank it keeps a form from being sent twice.",
  },
  "assets/order": {
    source: "order.ts",
    pages: ["sales", "cashier", "order"],
    why: "Counts down the time to pay, writes times in the reader's zone and looks whether the order has changed. Reads nothing that a buyer types.",
  },
  "docs-assets/init": { source: "docs.ts", pages: ["docs"], why: "Starts Swagger UI on the API's document." },
  "docs-assets/swagger-ui-bundle": {
    source: null,
    pages: ["docs"],
    why: "Swagger UI, as its package has it: the reference page of the API. No buyer comes there.",
  },
} as const;
