import { KINDS, type Counts } from "./counts.ts";

/** What Cloudflare asks for on the Workers Paid plan once the month's included amounts are used up. */
export const PRICES_READ_ON = "2026-11-25";

interface Price {
  readonly name: string;
  /** US dollars a million. */
  readonly usd: number;
  readonly page: string;
}

const PAGES = "https://developers.cloudflare.com";
export const PRICES: Readonly<Record<keyof Counts, Price>> = {
  workerRequests: { name: "Worker requests", usd: 0.3, page: `${PAGES}/workers/platform/pricing/` },
  objectRequests: { name: "object requests", usd: 0.15, page: `${PAGES}/durable-objects/platform/pricing/` },
  objectRowsRead: {
    name: "rows read in objects",
    usd: 0.001,
    page: `${PAGES}/durable-objects/platform/pricing/`,
  },
  objectRowsWritten: {
    name: "rows written in objects",
    usd: 1,
    page: `${PAGES}/durable-objects/platform/pricing/`,
  },
  queueOperations: { name: "queue operations", usd: 0.4, page: `${PAGES}/queues/platform/pricing/` },
  d1RowsRead: { name: "rows read in D1", usd: 0.001, page: `${PAGES}/d1/platform/pricing/` },
  d1RowsWritten: { name: "rows written in D1", usd: 1, page: `${PAGES}/d1/platform/pricing/` },
};

/** Dollars that a million of something costs, of which `times` cost these counts. */
export const dollarsPerMillion = (counts: Counts, times: number): number =>
  KINDS.reduce((sum, kind) => sum + (counts[kind] / times) * PRICES[kind].usd, 0);
