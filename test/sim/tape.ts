import { ARCHIVING } from "../../durable-objects/sku/leaving.ts";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import type { OrderId, SkuNumber } from "../../schema/ids.ts";
import type { Order } from "../../schema/order.ts";
import { TextJournal } from "./journal.ts";
import type { Question } from "./order-object.ts";
import { liveIn } from "./sale.ts";
import { USUAL, weatherOf } from "./weather.ts";
import { World } from "./world.ts";

/** Worlds that are recorded begin far in the future, where no alarm of a real object rings by itself. */
let nth = 1_000;

/** What each object of a world was asked, by its own clock, and what became of it. */
export interface Recording {
  readonly seed: number;
  readonly skus: readonly {
    readonly number: SkuNumber;
    readonly asked: readonly { readonly at: number; readonly commands: readonly SkuCommand[] }[];
    /** The journal in the end. */
    readonly rows: readonly { readonly seq: number; readonly at: number; readonly body: string }[];
  }[];
  readonly orders: readonly {
    readonly order: OrderId;
    readonly asked: readonly { readonly at: number; readonly question: Question }[];
    readonly end: Order | null;
  }[];
}

/** Writes down what objects are asked. */
export class Tape {
  readonly skus = new Map<SkuNumber, { at: number; commands: readonly SkuCommand[] }[]>();
  readonly orders = new Map<OrderId, { at: number; question: Question }[]>();

  askSku(number: SkuNumber, commands: readonly SkuCommand[], at: number): void {
    of(this.skus, number).push({ at, commands });
  }

  askOrder(order: OrderId, question: Question, at: number): void {
    of(this.orders, order).push({ at, question });
  }
}

function rowsOf(world: World, number: SkuNumber): TextJournal["rows"] {
  const { journal } = world.skuObject(number);
  if (!(journal instanceof TextJournal)) throw new Error("only a whole world has a journal to compare");
  return journal.rows;
}

function of<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  let list = lists.get(key);
  if (!list) lists.set(key, (list = []));
  return list;
}

/** Lives a world of a few buyers and answers with all that its objects were asked. */
export async function record(seed: number, buyers: number): Promise<Recording> {
  const tape = new Tape();
  const world = new World(
    { ...weatherOf(seed, nth++, USUAL), depth: "whole", archiving: ARCHIVING },
    null,
    tape,
  );
  const { violation } = await liveIn(world, new Set(Array.from({ length: buyers }, (_, n) => n)));
  if (violation !== null) throw new Error(`SEED=${seed}: ${violation}`);
  return {
    seed,
    skus: [...tape.skus].map(([number, asked]) => ({ number, asked, rows: rowsOf(world, number) })),
    orders: [...tape.orders].map(([order, asked]) => ({ order, asked, end: world.orderObject(order).order })),
  };
}
