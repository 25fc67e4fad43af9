import type { Heard } from "../fixtures/wire.ts";
import { exactly, must, pairsOf, times, type Arena, type Race } from "./race.ts";
import {
  bankShot,
  cancelShot,
  orderShot,
  paidShot,
  PRICE,
  queryShot,
  refundedShot,
  refundShot,
  retryShot,
  payShot,
  type Asked,
  type Bought,
} from "./shop.ts";
import { approved, asked, inTime, paid, placed, placeOf, refundIs } from "./states.ts";

const PART = 60;
const replay = (bought: Bought) => orderShot(bought, bought.token, bought.key);
const refundPart = (bought: Bought) => refundShot(bought, PART);
const refundAll = (bought: Bought) => refundShot(bought, null);

const ofPending = {
  replay,
  pay: (bought: Bought) => payShot(bought),
  cancel: cancelShot,
  query: queryShot,
  refund: refundAll,
};
const repay = (one: Asked) => payShot(one, one.payKey);

const pending: Arena<Bought> = { name: "pending", make: placed, moves: ofPending };
const payable: Arena<Asked> = {
  name: "paying, undecided",
  make: asked,
  moves: {
    ...ofPending,
    repay,
    approve: (one) => bankShot(one, "approve"),
    decline: (one) => bankShot(one, "decline"),
  },
};
const taken: Arena<Asked> = {
  name: "paying, taken",
  make: approved,
  moves: { ...ofPending, repay, callback: paidShot },
};
const bought: Arena<Asked> = {
  name: "paid",
  make: paid,
  moves: { ...ofPending, repay, callback: paidShot, "refund part": refundPart },
};
const partlyRefunded: Arena<Asked> = {
  name: "paid, partly refunded",
  make: async (shop, race) => {
    const one = await paid(shop, race);
    exactly(await shop.race(race, [refundPart(one)]), { 202: 1 });
    // The bank says that money went back when it has: a callback before that would be a lie.
    await refundIs(shop, one, "succeeded");
    return one;
  },
  moves: {
    "refund part": refundPart,
    refund: refundAll,
    "refund callback": (one) => refundedShot(one, PART),
    retry: (one) => retryShot(one),
  },
};
const refundFailed: Arena<Asked> = {
  name: "paid, the refund failed",
  make: async (shop, race) => {
    const one = await shop.lied(await asked(shop, race));
    exactly(await shop.race(race, [refundAll(one)]), { 202: 1 });
    await refundIs(shop, one, "failed");
    return one;
  },
  moves: { retry: (one) => retryShot(one), "refund part": refundPart, query: queryShot, callback: paidShot },
  /** A refund that was made again is one more; what is on its way is never more than came. */
  check: async (_, heard) => {
    for (const all of heard.values())
      for (const { status, body } of all)
        if (status >= 300) must(body.code === "refund_exceeds_captured", "refused for another reason", body);
    const made = heard.get("retry")?.filter(({ status }) => status === 202) ?? [];
    must(idsOf(made).size === made.length, "two retries are one refund", [...idsOf(made)]);
  },
};
/** At the very end of the time to pay, a little before or after. */
const atTheEnd = ({ payBy }: Bought): number => payBy - 30 + Math.random() * 40;
const ending: Arena<Bought> = {
  name: "at the end of the time to pay",
  make: (shop, race) => placed(shop, race, 1),
  moves: ofPending,
  at: atTheEnd,
};
const endingTaken: Arena<Asked> = {
  name: "paying, taken, at the end of the time to pay",
  make: (shop, race) => inTime((holdSeconds) => approved(shop, race, holdSeconds)),
  moves: { callback: paidShot, cancel: cancelShot, query: queryShot, repay, refund: refundAll },
  at: atTheEnd,
};
const endingUndecided: Arena<Asked> = {
  name: "paying, undecided, at the end of the time to pay",
  make: (shop, race) => inTime((holdSeconds) => asked(shop, race, holdSeconds)),
  moves: { approve: (one) => bankShot(one, "approve"), cancel: cancelShot, query: queryShot, repay },
  at: atTheEnd,
};
const cancelled: Arena<Bought> = {
  name: "cancelled",
  make: async (shop, race) => {
    const one = await placed(shop, race);
    exactly(await shop.race(race, [cancelShot(one)]), { 200: 1 });
    return one;
  },
  moves: ofPending,
};

const MANY = 8;
const idsOf = (heard: readonly Heard[]): Set<string> =>
  new Set(heard.filter(({ status }) => status < 300).map(({ body }) => body.id));
const oneThing = (heard: readonly Heard[]): void =>
  must(idsOf(heard).size === 1, "it is not one thing", [...idsOf(heard)]);

/** One effect for each key, and for each thing that can be done once. */
const once: Race[] = [
  {
    name: "one order, one key, many requests",
    async run(shop) {
      const [place, token, key] = [await placeOf(shop), await shop.buyer(), shop.fresh("key")];
      const heard = await shop.race(
        this.name,
        times(MANY, () => orderShot(place, token, key)),
      );
      exactly(heard, { 201: MANY });
      must(new Set(heard.map(({ text }) => text)).size === 1, "a replay is not the same answer");
      const replays = heard.filter(({ headers }) => headers.get("idempotent-replayed") === "true");
      must(replays.length === MANY - 1, "not all but one are replays", replays.length);
    },
  },
  {
    name: "one key, two orders",
    async run(shop) {
      const [place, token, key] = [await placeOf(shop), await shop.buyer(), shop.fresh("key")];
      const shots = times(MANY, (n) => orderShot(place, token, key, 1 + (n % 2)));
      const heard = await shop.race(this.name, shots);
      exactly(heard, { 201: MANY / 2, idempotency_key_reused: MANY / 2 });
      oneThing(heard);
    },
  },
  {
    name: "one payment, one key, many requests",
    async run(shop) {
      const one = await placed(shop, this.name);
      const key = shop.fresh("key");
      const heard = await shop.race(
        this.name,
        times(MANY, () => payShot(one, key)),
      );
      exactly(heard, { 201: MANY });
      oneThing(heard);
    },
  },
  {
    name: "one order, many payments",
    async run(shop) {
      const one = await placed(shop, this.name);
      const heard = await shop.race(
        this.name,
        times(MANY, () => payShot(one)),
      );
      exactly(heard, { 201: 1, payment_in_progress: MANY - 1 });
    },
  },
  {
    name: "one order, cancelled by many",
    async run(shop) {
      const one = await placed(shop, this.name);
      exactly(
        await shop.race(
          this.name,
          times(MANY, () => cancelShot(one)),
        ),
        { 200: MANY },
      );
    },
  },
  {
    name: "one refund, one key, many requests",
    async run(shop) {
      const one = await paid(shop, this.name);
      const key = shop.fresh("key");
      const heard = await shop.race(
        this.name,
        times(MANY, () => refundShot(one, 30, key)),
      );
      exactly(heard, { 202: MANY });
      oneThing(heard);
    },
  },
  {
    name: "one key, two refunds",
    async run(shop) {
      const one = await paid(shop, this.name);
      const key = shop.fresh("key");
      const heard = await shop.race(
        this.name,
        times(MANY, (n) => refundShot(one, 30 + (n % 2), key)),
      );
      exactly(heard, { 202: MANY / 2, idempotency_key_reused: MANY / 2 });
      oneThing(heard);
    },
  },
  {
    name: "all of the money, asked back by many",
    async run(shop) {
      const one = await paid(shop, this.name);
      const heard = await shop.race(
        this.name,
        times(MANY, () => refundAll(one)),
      );
      exactly(heard, { 202: 1, refund_exceeds_captured: MANY - 1 });
    },
  },
  {
    name: "as many refunds as fit",
    async run(shop) {
      const one = await paid(shop, this.name);
      const heard = await shop.race(
        this.name,
        times(MANY, () => refundShot(one, PRICE / 4)),
      );
      exactly(heard, { 202: 4, refund_exceeds_captured: MANY - 4 });
    },
  },
  {
    name: "one callback, many times",
    async run(shop) {
      const one = await approved(shop, this.name);
      exactly(
        await shop.race(
          this.name,
          times(MANY, () => paidShot(one)),
        ),
        { 200: MANY },
      );
      await shop.becomes(one, "paid");
    },
  },
];

/** 60 and 60 of 100: one is given back, the other refused. */
export const sixtyAndSixty: Race = {
  name: "refunds of 60 and 60 on 100",
  async run(shop) {
    const one = await paid(shop, this.name);
    const heard = await shop.race(this.name, [refundPart(one), refundPart(one)]);
    exactly(heard, { 202: 1, refund_exceeds_captured: 1 });
  },
};

export const orderRaces: readonly Race[] = [
  ...once,
  sixtyAndSixty,
  ...pairsOf(pending),
  ...pairsOf(payable),
  ...pairsOf(taken),
  ...pairsOf(bought),
  ...pairsOf(partlyRefunded),
  ...pairsOf(refundFailed),
  ...pairsOf(ending),
  ...pairsOf(endingTaken),
  ...pairsOf(endingUndecided),
  ...pairsOf(cancelled),
];
