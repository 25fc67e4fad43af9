import type { OrderId } from "./ids.ts";

/** What merchants are told of, by Standard Webhooks. */
export const WEBHOOK_TYPES = ["order.paid", "order.expired", "order.refunded", "payment.failed"] as const;
export type WebhookType = (typeof WEBHOOK_TYPES)[number];

/** Where a merchant hears. Its secret is not stored: it follows from its id and generation. */
export interface Endpoint {
  readonly id: string;
  readonly url: string;
  readonly types: readonly WebhookType[];
  readonly enabled: boolean;
  /** Counts its secrets from 1. */
  readonly generation: number;
  /** When the newest secret took over; for a day after that the one before signs as well. */
  readonly rotatedAt: number;
}

/** What of an endpoint its merchant chooses. */
export type EndpointSettings = Pick<Endpoint, "url" | "types" | "enabled">;

/** One thing to tell. Its id is the same however often it is told, and for everybody who is told. */
export interface WebhookEvent {
  readonly id: string;
  readonly type: WebhookType | "endpoint.test";
  readonly order: OrderId | null;
  /** The order's version that it speaks of: of two events the higher one is newer. */
  readonly version: number;
  /** The body, exactly as it is signed and sent. */
  readonly body: string;
}

export const DELIVERY_STATES = ["waiting", "delivered", "failed"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One event on its way to one endpoint. */
export interface Delivery extends Omit<WebhookEvent, "body"> {
  readonly state: DeliveryState;
  readonly createdAt: number;
  readonly tries: number;
  /** Of the next try; null when there will be none. */
  readonly dueAt: number | null;
  /** What the last try ended in: a status, or why there was none. */
  readonly answer: string | null;
  readonly answeredAt: number | null;
}
