import { afterAll, expect, test } from "vitest";
import { chanceOf } from "../chance.ts";
import { fuzz } from "../fuzz/fuzzer.ts";
import { Server } from "./server.ts";

/** The short form of `npm run fuzz`. */
const REQUESTS = 2_000;

const server = await Server.fresh();
afterAll(() => server.stop());

test("whatever is sent is answered as the document says, by nothing that is broken, and the books stay right", async () => {
  const seed = Date.now() % 1_000_000;
  const { wrong, statuses } = await fuzz(server, {
    requests: REQUESTS,
    chance: chanceOf(seed),
    tell: () => {},
  });
  expect(wrong, `SEED=${seed}`).toEqual([]);
  expect(Object.keys(statuses).length).toBeGreaterThan(5);
});
