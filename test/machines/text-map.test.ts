import { expect, test } from "vitest";
import { TextMap } from "../../durable-objects/sku/text-map.ts";
import { chanceOf } from "../chance.ts";

const contentsOf = (map: TextMap<number>): number[] => [...map.values()].toSorted((a, b) => a - b);

test("a text map is a map, whatever is put in, replaced and taken out", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = chanceOf(seed);
    const map = new TextMap<number>();
    const model = new Map<string, number>();
    const texts = 1 + Math.floor(chance() * 400);
    for (let step = 0; step < 4_000; step++) {
      const text = `text-${Math.floor(chance() * texts)}`;
      if (chance() < 0.5) {
        map.set(text, step);
        model.set(text, step);
      } else {
        map.delete(text);
        model.delete(text);
      }
      const other = `text-${Math.floor(chance() * texts)}`;
      expect(map.get(other), `SEED=${seed}`).toBe(model.get(other));
      expect(map.size, `SEED=${seed}`).toBe(model.size);
    }
    expect(contentsOf(map), `SEED=${seed}`).toEqual([...model.values()].toSorted((a, b) => a - b));
  }
});

test("who walks over a text map sees all that were there and stay, and what came meanwhile once at most", () => {
  const map = new TextMap<number>();
  for (let n = 0; n < 1_000; n++) map.set(`text-${n}`, n);
  for (let n = 0; n < 1_000; n += 3) map.delete(`text-${n}`);
  const seen: number[] = [];
  for (const n of map.values()) {
    seen.push(n);
    if (seen.length > 100) continue;
    map.set(`text-${1_000 + seen.length}`, 1_000 + seen.length);
    map.delete(`text-${n}`);
  }
  expect(new Set(seen).size).toBe(seen.length);
  for (let n = 0; n < 1_000; n++) if (n % 3 !== 0) expect(seen).toContain(n);
});

test("what is taken out leaves its place to what comes next: a map in which few stay does not grow", () => {
  const map = new TextMap<number>();
  for (let n = 0; n < 100_000; n++) {
    map.set(`text-${n}`, n);
    map.delete(`text-${n - 10}`);
  }
  expect(contentsOf(map)).toEqual(Array.from({ length: 10 }, (_, n) => 99_990 + n));
  let walked = 0;
  for (const values = map.values(); !values.next().done;) walked++;
  expect(walked).toBe(10);
});
