import { ApiDocument, nameOf } from "../fuzz/document.ts";
import { leaveDeadLetters, type Letter } from "../fixtures/dead-letters.ts";
import { Merchant } from "../system/merchant.ts";
import { checkBooks } from "./books.ts";
import { DEAF_HOST, deskRaces, endpointRaces, letterRaces } from "./desk.ts";
import { orderRaces, sixtyAndSixty } from "./orders.ts";
import type { Race } from "./race.ts";
import { Shop } from "./shop.ts";
import { stockRaces } from "./stock.ts";

/** Races that run beside each other: each has its own things, and together they keep both cores busy. */
const LANES = 6;

export interface Pack {
  readonly rounds: number;
  /** How often 60 and 60 of 100 are asked back, beside everything else. */
  readonly refunds: number;
  /** Only races whose names hold this. */
  readonly only?: string;
  readonly tell: (line: string) => void;
}

export interface Outcome {
  readonly races: number;
  readonly sockets: number;
  readonly orders: number;
  readonly failures: readonly string[];
  /** Operations that change something and were in no race. */
  readonly unraced: readonly string[];
}

/** Runs every race so many times at a server of its own, and then looks at the books. */
export async function runPack({ rounds, refunds, only = "", tell }: Pack): Promise<Outcome> {
  const bindings = { WEBHOOK_HOSTS_ALLOWED: DEAF_HOST, REQUEST_LOG: "off" };
  let letters: Letter[] = [];
  const server = await Merchant.open(bindings, "sandbox", {}, (stateDir) => {
    letters = leaveDeadLetters(stateDir, 2 * rounds);
  });
  try {
    const document = await ApiDocument.at(server.client.origin);
    const shop = new Shop(server.client, document);
    await server.client.behave({ callbacks: "none" });
    const isWanted = ({ name }: Race): boolean => name.includes(only);
    const repeated = (races: readonly Race[], count: number): Race[] =>
      Array.from({ length: count }, () => races.filter(isWanted)).flat();
    const all = [
      ...repeated([...orderRaces, ...stockRaces, ...deskRaces, ...letterRaces(letters)], rounds),
      ...repeated([sixtyAndSixty], refunds),
    ];
    const failures: string[] = [];
    let races = 0;
    const failed = (failure: string): void => {
      failures.push(failure);
      tell(failure);
    };
    const run = async (race: Race): Promise<void> => {
      await race.run(shop).catch((cause: unknown) => failed(`${race.name}: ${String(cause)}`));
      if (++races % 500 === 0) tell(`${races} races, ${shop.sockets} sockets, ${failures.length} failures`);
    };
    const waiting = all[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const race of waiting) await run(race);
    };
    const endpointLane = async (): Promise<void> => {
      for (const race of repeated(endpointRaces, rounds)) await run(race);
    };
    await Promise.all([...Array.from({ length: LANES }, lane), endpointLane()]);
    tell(`${races} races are over; now the books of ${shop.orders.size} orders`);
    await checkBooks(shop).catch((cause: unknown) => failed(String(cause)));
    const unraced = document.operations
      .filter(({ method }) => method !== "GET")
      .map(nameOf)
      .filter((name) => !shop.raced.has(name));
    return { races, sockets: shop.sockets, orders: shop.orders.size, failures, unraced };
  } finally {
    await server.close();
  }
}
