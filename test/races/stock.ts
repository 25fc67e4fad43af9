import { sent } from "../fixtures/wire.ts";
import { exactly, must, pairsOf, tally, times, type Arena, type Race } from "./race.ts";
import {
  cancelShot,
  orderShot,
  payShot,
  PRICE,
  staffShot,
  type Bought,
  type Place,
  type Shop,
} from "./shop.ts";

const MANY = 8;
const OTHER_PRICE = 70;

const restockShot = ({ sku }: Place, delta: number, key?: string) =>
  staffShot("POST", `/v1/admin/skus/${sku}/stock`, { delta, reason: "raced" }, key);

/** Units that staff were told were added or taken away, from here on in the books. */
const counted = (shop: Shop, { sku }: Place, delta: number): void => {
  const known = shop.skus.get(sku);
  if (known) known.restocked += delta;
};

const stranger = async (place: Place, shop: Shop) => orderShot(place, await shop.buyer());

/** Sold at one of the prices that were asked at some moment, whole. */
async function fairlyPriced(shop: Shop, { sku }: Place): Promise<void> {
  for (const bought of [...shop.orders.values()].filter((one) => one.sku === sku)) {
    const { amount } = (await shop.client.read(bought.token, bought.id)).body;
    must([PRICE, OTHER_PRICE].includes(amount.amount), "nobody ever asked this price", amount);
  }
}

const lastUnit: Arena<Place> = {
  name: "the last unit",
  make: (shop) => shop.sale({ stock: 1 }),
  moves: {
    order: stranger,
    "take it away": (place) => restockShot(place, -1),
    "add one": (place) => restockShot(place, 1),
    "change the price": (place, shop) => shop.saleShot(place, { stock: 1, price: OTHER_PRICE }),
    "close the sale": (place, shop) => shop.saleShot(place, { stock: 1, closed: true }),
  },
  async check(place, heard, shop) {
    const done = (move: string): number => heard.get(move)?.filter(({ status }) => status < 300).length ?? 0;
    counted(shop, place, done("add one") - done("take it away"));
    must(done("take it away") <= 1 + done("add one"), "more was taken away than there was");
    must(
      done("order") <= 1 + done("add one"),
      "more was held than there was",
      tally(heard.get("order") ?? []),
    );
    await fairlyPriced(shop, place);
  },
};

/** The last unit is somebody's who may give it back. */
const heldUnit: Arena<{ place: Place; holder: Bought }> = {
  name: "the last unit, held",
  make: async (shop, race) => {
    const place = await shop.sale({ stock: 1 });
    return { place, holder: await shop.placed(place, race) };
  },
  moves: {
    order: ({ place }, shop) => stranger(place, shop),
    cancel: ({ holder }) => cancelShot(holder),
    pay: ({ holder }) => payShot(holder),
    "take it away": ({ place }) => restockShot(place, -1),
    "close the sale": ({ place }, shop) => shop.saleShot(place, { stock: 1, closed: true }),
  },
  check: async ({ place }, heard, shop) => {
    const taken = heard.get("take it away")?.filter(({ status }) => status < 300).length ?? 0;
    counted(shop, place, -taken);
  },
};

const single: Race[] = [
  {
    name: "many buyers, one unit",
    async run(shop) {
      const place = await shop.sale({ stock: 1 });
      const shots = await Promise.all(times(MANY, () => stranger(place, shop)));
      exactly(await shop.race(this.name, shots), { 201: 1, sold_out: MANY - 1 });
    },
  },
  {
    name: "one buyer, one unit each, many requests",
    async run(shop) {
      const place = await shop.sale({ stock: 100, max: 1 });
      const token = await shop.buyer();
      const heard = await shop.race(
        this.name,
        times(MANY, () => orderShot(place, token)),
      );
      exactly(heard, { 201: 1, purchase_limit: MANY - 1 });
    },
  },
  {
    name: "one stock change, one key, many requests",
    async run(shop) {
      const place = await shop.sale({ stock: 5 });
      const key = shop.fresh("key");
      exactly(
        await shop.race(
          this.name,
          times(MANY, () => restockShot(place, 2, key)),
        ),
        { 200: MANY },
      );
      counted(shop, place, 2);
    },
  },
  {
    name: "many stock changes",
    async run(shop) {
      const place = await shop.sale({ stock: 5 });
      exactly(
        await shop.race(
          this.name,
          times(MANY, () => restockShot(place, 1)),
        ),
        { 200: MANY },
      );
      counted(shop, place, MANY);
    },
  },
  {
    name: "more taken away than there is",
    async run(shop) {
      const place = await shop.sale({ stock: 3 });
      const heard = await shop.race(
        this.name,
        times(MANY, () => restockShot(place, -1)),
      );
      exactly(heard, { 200: 3, insufficient_stock: MANY - 3 });
      counted(shop, place, -3);
    },
  },
  {
    name: "one sale, made by many",
    async run(shop) {
      const place = { sale: shop.fresh("race"), sku: shop.fresh("race-lamp") };
      exactly(
        await shop.race(
          this.name,
          times(MANY, () => shop.saleShot(place, { stock: 4 })),
        ),
        { 200: MANY },
      );
      shop.skus.set(place.sku, { initial: 4, restocked: 0 });
    },
  },
  {
    name: "one sale, audited by many while it sells",
    async run(shop) {
      const place = await shop.sale({ stock: 10 });
      await shop.placed(place, this.name);
      const audits = times(MANY, () => staffShot("POST", "/v1/admin/audits", { sale: place.sale }));
      const orders = await Promise.all(times(MANY / 2, () => stranger(place, shop)));
      exactly(await shop.race(this.name, [...audits, ...orders]), { 200: MANY, 201: MANY / 2 });
    },
  },
  {
    name: "one SKU, wanted by two sales",
    async run(shop) {
      const sku = shop.fresh("race-lamp");
      const shots = times(2, () => shop.saleShot({ sale: shop.fresh("race"), sku }, { stock: 4 }));
      exactly(await shop.race(this.name, shots), { 200: 1, invalid_request: 1 });
      shop.skus.set(sku, { initial: 4, restocked: 0 });
    },
  },
  {
    name: "two SKUs, wanted together by two buyers in either order",
    async run(shop) {
      const [sale, one, other] = [shop.fresh("race"), shop.fresh("race-lamp"), shop.fresh("race-lamp")];
      const made = shop.saleShot({ sale, sku: one }, { stock: 1 });
      const { skus, ...facts } = made.body as { skus: object[] };
      const both = [...skus, { ...skus[0], sku: other }];
      must(
        (await sent(shop.client.origin, { ...made, body: { ...facts, skus: both } })).status === 200,
        "no sale",
      );
      const lines = [
        { sku: one, quantity: 1 },
        { sku: other, quantity: 1 },
      ];
      const shots = await Promise.all(
        times(4, async (n) => ({
          ...orderShot({ sale, sku: one }, await shop.buyer()),
          body: { sale, lines: n % 2 === 0 ? lines : lines.toReversed() },
        })),
      );
      const heard = await shop.race(this.name, shots);
      const won = tally(heard)[201] ?? 0;
      must(won <= 1 && won + (tally(heard).sold_out ?? 0) === 4, "not one at most", tally(heard));
      for (const sku of [one, other]) {
        const { available, held } = await shop.client.stock(sku);
        must(held === won && available === 1 - won, "units of nobody are held", { available, held, won });
      }
    },
  },
];

export const stockRaces: readonly Race[] = [...single, ...pairsOf(lastUnit), ...pairsOf(heldUnit)];
