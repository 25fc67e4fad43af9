import { count, eq, inArray, min, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { payments, refunds } from "../../schema/tables/tables.ts";

/** Money whose fate is open, of one kind, provider and currency. */
export interface Limbo {
  /** `payment`: it may still come. `refund`: it has not gone back yet. */
  readonly kind: "payment" | "refund";
  readonly provider: string;
  readonly currency: string;
  readonly count: number;
  readonly amountMinor: number;
  /** When the oldest of it began, epoch ms. */
  readonly oldestAt: number;
}

const OPEN_PAYMENTS = ["created", "requires_action", "authorized", "unknown"];

/** All the money that nobody can say of whose it is, as far as D1 knows. */
export async function limboOf(db: D1Database): Promise<Limbo[]> {
  const d1 = drizzle(db);
  const [coming, going] = await d1.batch([
    d1
      .select({
        provider: payments.provider,
        currency: payments.currency,
        count: count(),
        amountMinor: sum(payments.amountMinor),
        oldestAt: min(payments.createdAt),
      })
      .from(payments)
      .where(inArray(payments.state, OPEN_PAYMENTS))
      .groupBy(payments.provider, payments.currency),
    d1
      .select({
        provider: payments.provider,
        currency: refunds.currency,
        count: count(),
        amountMinor: sum(refunds.amountMinor),
        oldestAt: min(refunds.createdAt),
      })
      .from(refunds)
      .innerJoin(payments, eq(payments.id, refunds.paymentId))
      .where(eq(refunds.state, "pending"))
      .groupBy(payments.provider, refunds.currency),
  ]);
  const said =
    (kind: Limbo["kind"]) =>
    ({ amountMinor, oldestAt, ...rest }: (typeof coming)[number]): Limbo => ({
      kind,
      ...rest,
      amountMinor: Number(amountMinor ?? 0),
      oldestAt: oldestAt ?? 0,
    });
  return [...coming.map(said("payment")), ...going.map(said("refund"))];
}
