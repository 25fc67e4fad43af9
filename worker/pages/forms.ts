import * as z from "zod";
import { SLUG } from "../../schema/ids.ts";
import { QUANTITY_MAX } from "../../schema/limits.ts";

/** What our forms send. The key was made when the page was: pressing twice is asking once. */
const key = z.string().regex(/^[\x21-\x7e]{1,255}$/);

const BuyForm = z.object({
  sku: z.string().regex(SLUG),
  quantity: z.coerce.number().int().min(1).max(QUANTITY_MAX),
  key,
});
const PayForm = z.object({ provider: z.string().min(1).max(32), method: z.string().min(1).max(32), key });

/** Null when a form is not one of ours. */
export const readBuyForm = (form: unknown): z.infer<typeof BuyForm> | null =>
  BuyForm.safeParse(form).data ?? null;
export const readPayForm = (form: unknown): z.infer<typeof PayForm> | null =>
  PayForm.safeParse(form).data ?? null;

export const freshKey = (): string => crypto.randomUUID();
