import { expect, test } from "vitest";
import { saleOf } from "../../worker/catalogue/sale-of.ts";

const AT = 1_700_000_000_000;

/** A gate whose sale is under this test's control, and which answers when it is let. */
class FakeGate {
  name = "before";
  asks = 0;
  isAway = false;
  readonly #waiting: (() => void)[] = [];

  async view() {
    this.asks++;
    const { name, isAway } = this;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (isAway) throw new Error("away");
    return { sale: { name }, offers: [] };
  }

  answer(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

let count = 0;

/** What this isolate says of a sale that it learnt at `AT` and that has another name since. */
async function learnt(): Promise<{ gate: FakeGate; nameAt: (ms: number) => Promise<string | undefined> }> {
  const gate = new FakeGate();
  const env = { GATE: { getByName: () => gate } } as unknown as Env;
  const id = `remembered-${++count}`;
  const nameAt = async (ms: number) => (await saleOf(env, id, AT + ms))?.name;
  const first = nameAt(0);
  gate.answer();
  expect(await first).toBe("before");
  gate.name = "after";
  gate.asks = 0;
  return { gate, nameAt };
}

test("a sale is asked for again every two seconds, by one of many, and nobody else waits for that", async () => {
  const { gate, nameAt } = await learnt();
  expect(await nameAt(1_999)).toBe("before");
  expect(gate.asks).toBe(0);
  const asker = nameAt(2_000);
  expect(await nameAt(2_000)).toBe("before");
  expect(gate.asks).toBe(1);
  gate.answer();
  expect(await asker).toBe("after");
  expect(await nameAt(2_001)).toBe("after");
});

test("an isolate that has not been asked for a minute says nothing of what it knew", async () => {
  const { gate, nameAt } = await learnt();
  const both = [nameAt(60_000), nameAt(60_000)];
  gate.answer();
  expect(await Promise.all(both)).toEqual(["after", "after"]);
});

test("while a gate cannot be reached its sale goes on as it was, for a minute", async () => {
  const { gate, nameAt } = await learnt();
  gate.isAway = true;
  for (let ms = 2_000; ms < 60_000; ms += 2_000) {
    const asker = nameAt(ms);
    gate.answer();
    await expect(asker).rejects.toThrow("away");
    expect(await nameAt(ms)).toBe("before");
  }
  const late = [nameAt(60_000), nameAt(60_000)];
  gate.answer();
  for (const { status } of await Promise.allSettled(late)) expect(status).toBe("rejected");
});
