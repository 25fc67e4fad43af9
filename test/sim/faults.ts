/** Where things go wrong, and what goes wrong there. The rates are of one opportunity, on an average day. */
export const SITES = {
  call: {
    call_lost: 0.004,
    call_overdue: 0.006,
    crash_before_commit: 0.004,
    crash_after_commit: 0.004,
    reply_lost: 0.01,
    call_repeated: 0.02,
    call_slow: 0.04,
  },
  message: {
    message_dropped: 0.02,
    message_repeated: 0.08,
    message_delayed: 0.1,
    message_dead: 0.001,
    message_reordered: 0.5,
  },
  send: { queue_down: 0.01 },
  alarm: { alarm_early: 0.15, alarm_late: 0.4, alarm_twice: 0.1, alarm_lost: 0.01 },
  callback: { callback_lost: 0.2 },
  payment: {
    bank_silent: 0.12,
    bank_repeats: 0.15,
    bank_reorders: 0.1,
    bank_delays: 0.1,
    bank_misquotes: 0.04,
  },
  creation: {
    bank_down: 0.05,
    bank_answers_late: 0.06,
    bank_loses_creation: 0.05,
    bank_creates_late: 0.03,
    buyer_is_quicker: 0.03,
  },
  answer: { bank_answer_lost: 0.04 },
  closing: { bank_lies: 0.3, bank_cannot_close: 0.04 },
  asking: { bank_answers_no_question: 0.05 },
  refund: { refund_slow: 0.3, refund_refused: 0.05 },
  clock: { clock_ahead: 0.1, clock_behind: 0.1 },
} as const;
export type Site = keyof typeof SITES;
export type Fault = { [S in Site]: keyof (typeof SITES)[S] }[Site] | "deploy" | "d1_down";

const NAMES = Object.keys(SITES) as Site[];
const SITES_MAX = 16;
/** Opportunities of one kind that one party has in a world. */
const NTH_MAX = 65_536;
/** Parties of one world: SKUs and buyers. */
export const PARTIES_MAX = 1_024;

/** Two numbers become one from 0 to 1 that looks like chance, the same for the same seed. */
export function draw(seed: number, a: number, b: number): number {
  let mixed =
    Math.imul(a ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(b ^ seed, 0xc2b2_ae35) ^ Math.imul(seed, 0x27d4_eb2f);
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x7feb_352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846c_a68b);
  mixed ^= mixed >>> 16;
  return (mixed >>> 0) / 4_294_967_296;
}

export interface Injected {
  /** Names the opportunity: the same in every run of the seed, whatever else is left out. */
  readonly key: number;
  readonly fault: Fault;
  /** Ms since the beginning of the world. */
  readonly at: number;
}

/** For people. */
export function textOf({ key, fault, at }: Injected): string {
  const party = key < 0 ? "everybody" : `party ${Math.floor(key / NTH_MAX / SITES_MAX)}`;
  return `${(at / 1_000).toFixed(3)} s ${fault} (${party})`;
}

interface Table {
  readonly site: number;
  readonly names: readonly Fault[];
  readonly until: readonly number[];
}

/**
 * What goes wrong in one world. Every opportunity belongs to a party (a SKU, a buyer) and is that party's n-th of its kind, so
 * that a fault stays where it was when others are taken away: that is what lets a schedule be shortened.
 */
export class Faults {
  readonly counts = new Map<Fault, number>();
  readonly injected: Injected[] = [];
  isOver = false;
  readonly #seed: number;
  readonly #only: ReadonlySet<number> | null;
  readonly #now: () => number;
  readonly #tables = new Map<Site, Table>();
  readonly #nth = new Uint16Array(PARTIES_MAX * SITES_MAX);
  #last = 0;

  /**
   * @param rateOf how often a fault happens in this world.
   * @param only the opportunities that are taken; null takes all of them.
   */
  constructor(
    seed: number,
    rateOf: (fault: Fault, rate: number) => number,
    only: ReadonlySet<number> | null,
    now: () => number,
  ) {
    this.#seed = seed;
    this.#only = only;
    this.#now = now;
    for (const [index, site] of NAMES.entries()) {
      let sum = 0;
      const names = Object.keys(SITES[site]) as Fault[];
      const until = Object.entries(SITES[site]).map(([name, rate]) => (sum += rateOf(name as Fault, rate)));
      this.#tables.set(site, { site: index, names, until });
    }
  }

  /** What goes wrong here, if anything does. */
  at(site: Site, party: number): Fault | null {
    if (this.isOver) return null;
    const { site: index, names, until } = this.#tables.get(site) as Table;
    const place = party * SITES_MAX + index;
    const nth = (this.#nth[place] as number)++;
    const dice = draw(this.#seed, place, nth);
    if (dice >= (until[until.length - 1] as number)) return null;
    const fault = names[until.findIndex((end) => dice < end)] as Fault;
    return this.take(fault, place * NTH_MAX + nth) ? fault : null;
  }

  /** A fault that the world itself has planned, under a key below zero. */
  take(fault: Fault, key: number): boolean {
    if (this.#only && !this.#only.has(key)) return false;
    this.#last = key;
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    this.injected.push({ key, fault, at: this.#now() });
    return true;
  }

  /** How bad the fault is that was taken last, from 0 to 1. */
  get size(): number {
    return draw(this.#seed ^ 0x5bd1_e995, this.#last % 4_294_967_296, Math.floor(this.#last / 4_294_967_296));
  }
}
