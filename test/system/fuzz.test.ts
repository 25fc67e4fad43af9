import { afterAll, expect, test } from "vitest";
import { fuzz } from "../fuzz/fuzzer.ts";
import { town } from "../fuzz/town.ts";

/** The short form of `npm run fuzz`. */
const REQUESTS = 3_000;

const place = await town();
afterAll(() => place.merchant.close());

test("whatever is sent is answered as the document says, by nothing that is broken, and the books stay right", async () => {
  const seed = Date.now() % 1_000_000;
  const { wrong, share } = await fuzz(place, { requests: REQUESTS, seed, tell: () => {} });
  expect(wrong, `seed ${seed}`).toEqual([]);
  const never = [...share].filter(([, { fine }]) => fine === 0).map(([name]) => name);
  expect(never, `operations that never succeeded with seed ${seed}`).toEqual([]);
});
