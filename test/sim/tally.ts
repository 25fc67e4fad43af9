import type { Fault } from "./faults.ts";
import type { Lived } from "./sale.ts";
import type { Sometimes } from "./sometimes.ts";
import type { Depth } from "./weather.ts";

/** What another thread has counted: it comes as a copy without methods. */
export type Counted = Pick<Tally, "depths" | "events" | "virtualMs" | "faults" | "seen">;

/** What many worlds come to together. */
export class Tally {
  readonly depths: Record<Depth, { worlds: number; orders: number }> = {
    whole: { worlds: 0, orders: 0 },
    light: { worlds: 0, orders: 0 },
  };
  events = 0;
  virtualMs = 0;
  readonly faults: Partial<Record<Fault, number>> = {};
  readonly seen: Partial<Record<Sometimes, number>> = {};

  get worlds(): number {
    return this.depths.whole.worlds + this.depths.light.worlds;
  }

  get orders(): number {
    return this.depths.whole.orders + this.depths.light.orders;
  }

  get faultCount(): number {
    return Object.values(this.faults).reduce((sum, count) => sum + count, 0);
  }

  add({ depth, orders, events, virtualMs, faults, seen }: Lived): void {
    this.#addTo(depth, 1, orders);
    this.events += events;
    this.virtualMs += virtualMs;
    for (const [fault, count] of faults) this.faults[fault] = (this.faults[fault] ?? 0) + count;
    for (const [what, count] of seen) this.seen[what] = (this.seen[what] ?? 0) + count;
  }

  merge({ depths, events, virtualMs, faults, seen }: Counted): void {
    for (const depth of ["whole", "light"] as const)
      this.#addTo(depth, depths[depth].worlds, depths[depth].orders);
    this.events += events;
    this.virtualMs += virtualMs;
    for (const [fault, count] of Object.entries(faults))
      this.faults[fault as Fault] = (this.faults[fault as Fault] ?? 0) + count;
    for (const [what, count] of Object.entries(seen))
      this.seen[what as Sometimes] = (this.seen[what as Sometimes] ?? 0) + count;
  }

  #addTo(depth: Depth, worlds: number, orders: number): void {
    this.depths[depth].worlds += worlds;
    this.depths[depth].orders += orders;
  }
}
