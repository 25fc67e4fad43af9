import { inParallel, type OrderBody } from "../../worker/local/client.ts";
import { sent } from "../fixtures/wire.ts";
import { until } from "../system/server.ts";
import { paidShot, type Bought, type Shop } from "./shop.ts";
import { PATIENCE_MS } from "./race.ts";

const WIDTH = 8;

interface BankRow {
  readonly id: string;
  readonly order: string;
  readonly state: string;
  readonly amount: { readonly amount: number };
  readonly refunded: { readonly amount: number };
}

type Told = OrderBody & { readonly refunded: { readonly amount: number } };

/**
 * What must be so when all is quiet, whoever won: no unit is anybody's twice, none is nobody's, the bank has exactly the money of
 * orders that are paid, and gave back exactly what they say it gave back.
 */
export async function checkBooks(shop: Shop): Promise<void> {
  const rows = await statement(shop);
  const told = new Map<string, Told>();
  await inParallel([...shop.orders.values()], WIDTH, async (bought) => {
    const bank = rows.get(bought.id) ?? [];
    await tellAgain(shop, bought, bank);
    told.set(bought.id, await settled(shop, bought, bank));
  });
  const after = await statement(shop);
  for (const bought of shop.orders.values()) {
    const order = told.get(bought.id);
    const wrong = order && !bought.lied && wrongMoney(order, after.get(bought.id) ?? []);
    if (order && wrong)
      throw new Error(`${bought.race}: ${wrong}: ${JSON.stringify([order, after.get(bought.id)])}`);
  }
  for (const sku of shop.skus.keys()) await checkUnits(shop, sku, told);
}

/** What the bank took without saying so is said now: the bank of a race is silent. */
async function tellAgain(shop: Shop, bought: Bought, bank: readonly BankRow[]): Promise<void> {
  const taken = bank.find(({ state }) => state === "succeeded");
  if (taken) await sent(shop.client.origin, paidShot({ ...bought, payKey: "", bank: taken.id }));
}

/** An order that has heard all that there is to hear. */
function settled(shop: Shop, { id, token, race, payBy }: Bought, bank: readonly BankRow[]): Promise<Told> {
  const read = async () => (await shop.client.read(token, id)).body as Told;
  const isTaken = bank.some(({ state }) => state === "succeeded");
  const isLong = payBy > Date.now() + PATIENCE_MS;
  const isQuiet = ({ state, refunds }: Told): boolean => {
    if (refunds.some((refund) => refund.state === "pending")) return false;
    if (state === "paying") return isLong && !isTaken;
    return state !== "pending" || isLong;
  };
  return until(`${race}: ${id} is quiet`, PATIENCE_MS, read, isQuiet);
}

function wrongMoney({ state, amount, refunded, payments }: Told, bank: readonly BankRow[]): string | null {
  const taken = bank.filter((row) => row.state === "succeeded");
  const kept = taken.reduce((sum, row) => sum + row.amount.amount - row.refunded.amount, 0);
  if (refunded.amount > amount.amount) return "more went back than came";
  if (payments.filter((payment) => payment.state === "succeeded").length > 1) return "paid twice";
  if (state === "paid" && kept !== amount.amount - refunded.amount) return "paid without its money";
  if (state !== "paid" && kept !== 0) return "money for nothing";
  return null;
}

/** A unit that was sold stays sold when staff give its money back; late money that was sent back never had one. */
async function checkUnits(shop: Shop, sku: string, told: ReadonlyMap<string, Told>): Promise<void> {
  const mine = [...shop.orders.values()].filter((bought) => bought.sku === sku).map(({ id }) => told.get(id));
  const unitsOf = (isIt: (order: Told) => boolean): number =>
    mine.reduce((sum, order) => (order && isIt(order) ? sum + (order.lines[0]?.quantity ?? 0) : sum), 0);
  const sold = unitsOf(
    ({ state, reason }) => state === "paid" || (state === "refunded" && reason !== "late_payment"),
  );
  const held = unitsOf(({ state }) => state === "pending" || state === "paying");
  const known = shop.skus.get(sku) ?? { initial: 0, restocked: 0 };
  const right = { ...known, held, sold, available: known.initial + known.restocked - held - sold };
  if (right.available < 0) throw new Error(`${sku}: more was sold than there is: ${JSON.stringify(right)}`);
  await until(
    `${sku} has ${JSON.stringify(right)}`,
    PATIENCE_MS,
    () => shop.client.stock(sku),
    (stock) => Object.entries(right).every(([kind, units]) => stock[kind as keyof typeof right] === units),
  );
}

/** All that the bank has done, by order. */
async function statement({ client }: Shop): Promise<Map<string, BankRow[]>> {
  const byOrder = new Map<string, BankRow[]>();
  for (let after = ""; ;) {
    const { data } = await client.admin<{ data: BankRow[] }>(`/sandbox/v1/statement?after=${after}`);
    for (const row of data) byOrder.set(row.order, [...(byOrder.get(row.order) ?? []), row]);
    const last = data.at(-1);
    if (!last) return byOrder;
    after = last.id;
  }
}
