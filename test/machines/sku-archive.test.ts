import { describe, expect, test } from "vitest";
import { Archive, chunkOf, type Finished } from "../../durable-objects/sku/archive.ts";
import { ChunkIndex } from "../../durable-objects/sku/chunk-index.ts";
import { hashOf } from "../../schema/sold-out.ts";
import { orderOf } from "./sku-world.ts";

const soldTo = (buyer: string, n: number): Finished => ({
  hold: [orderOf(n), buyer, 1, "sold", 5, 1, 9],
  fingerprint: null,
});

describe("the index of chunks", () => {
  test("finds each of more entries than one segment has, the newest first, and nothing else", () => {
    const index = new ChunkIndex();
    const count = 60_000;
    for (let n = 0; n < count; n++) index.add(hashOf(`buyer-${n}`), n >> 6);
    for (let n = 0; n < count; n += 7) expect(index.find(hashOf(`buyer-${n}`))).toContain(n >> 6);
    let strangers = 0;
    for (let n = 0; n < 10_000; n++) strangers += index.find(hashOf(`stranger-${n}`)).length;
    expect(strangers).toBeLessThan(10);
    expect([...index.hashes()]).toHaveLength(count);
    index.add(hashOf("buyer-7"), 5_000);
    index.add(hashOf("buyer-7"), 5_000);
    expect(index.find(hashOf("buyer-7"))).toEqual([5_000, 0]);
  });
});

describe("the archive", () => {
  test("reads only where an order or a buyer may be, and a buyer who comes again only once", () => {
    const bodies: string[] = [];
    const reads: number[] = [];
    const archive = new Archive((chunk) => {
      reads.push(chunk);
      return bodies[chunk] ?? "[]";
    });
    const add = (facts: Finished[]): void => {
      const chunk = chunkOf(facts);
      bodies.push(chunk.body);
      archive.add(chunk.hashes);
    };
    const key = { key: "k", fingerprint: "f", order: orderOf(9), at: 3 };
    add([soldTo("ann", 1), { buyer: "bob", entry: key }]);
    add([soldTo("cat", 2), soldTo("ann", 3)]);
    expect([archive.ofBuyer("dan"), archive.holdOf(orderOf(4)), reads]).toEqual([[], null, []]);
    expect(archive.ofBuyer("ann")).toEqual([soldTo("ann", 3), soldTo("ann", 1)]);
    expect(reads).toEqual([1, 0]);
    expect(archive.ofBuyer("bob")).toEqual([{ buyer: "bob", entry: key }]);
    expect(archive.ofBuyer("ann")).toHaveLength(2);
    expect(reads).toEqual([1, 0, 0]);
    expect(archive.holdOf(orderOf(2))).toEqual(soldTo("cat", 2));
    add([soldTo("ann", 5)]);
    expect(archive.ofBuyer("ann")).toHaveLength(3);
    expect([archive.chunks, archive.facts]).toEqual([3, 5]);
  });
});
