import type { Fault } from "./faults.ts";
import type { Lived } from "./sale.ts";
import type { Sometimes } from "./sometimes.ts";

/** What many worlds come to together. */
export class Tally {
  worlds = 0;
  orders = 0;
  events = 0;
  virtualMs = 0;
  readonly faults: Partial<Record<Fault, number>> = {};
  readonly seen: Partial<Record<Sometimes, number>> = {};

  get faultCount(): number {
    return Object.values(this.faults).reduce((sum, count) => sum + count, 0);
  }

  add({ orders, events, virtualMs, faults, seen }: Lived): void {
    this.worlds++;
    this.orders += orders;
    this.events += events;
    this.virtualMs += virtualMs;
    for (const [fault, count] of faults) this.faults[fault] = (this.faults[fault] ?? 0) + count;
    for (const [what, count] of seen) this.seen[what] = (this.seen[what] ?? 0) + count;
  }

  /** Adds what another has counted. What comes from another thread is a copy without methods. */
  merge(other: Omit<Tally, "faultCount" | "add" | "merge">): void {
    this.worlds += other.worlds;
    this.orders += other.orders;
    this.events += other.events;
    this.virtualMs += other.virtualMs;
    for (const [fault, count] of Object.entries(other.faults))
      this.faults[fault as Fault] = (this.faults[fault as Fault] ?? 0) + count;
    for (const [what, count] of Object.entries(other.seen))
      this.seen[what as Sometimes] = (this.seen[what as Sometimes] ?? 0) + count;
  }
}
