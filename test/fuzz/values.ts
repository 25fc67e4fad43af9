import type { ApiDocument, Schema } from "./document.ts";

/** Texts that have broken servers before. */
const NASTY = [
  "",
  " ",
  "\0",
  "null",
  "undefined",
  "-1",
  "9".repeat(40),
  "a".repeat(300),
  "é\u0301\u202e灯💡",
  "\ud800",
  "../../etc/passwd",
  "%00",
  "%2e%2e%2f",
  "' OR 1=1 --",
  "<script>alert(1)</script>",
  "{{7*7}}",
  "\r\nSet-Cookie: a=b",
  "__proto__",
  "constructor",
] as const;
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  Number.MAX_SAFE_INTEGER,
] as const;
const OF_OTHER_TYPES = [null, true, false, 0, "", "text", [], {}, [[]], { a: { b: {} } }] as const;

/** Values for schemas: such as they want, at their edges, and such as they refuse. */
export class Values {
  readonly #document: ApiDocument;
  readonly #chance: () => number;
  readonly #known: (field: string) => unknown;

  /** @param known what a field of this name may well hold; undefined for names that mean nothing. */
  constructor(document: ApiDocument, chance: () => number, known: (field: string) => unknown) {
    this.#document = document;
    this.#chance = chance;
    this.#known = known;
  }

  /** A whole number below this one. */
  below(count: number): number {
    return Math.floor(this.#chance() * count);
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#chance() * items.length)] as T;
  }

  happens(share: number): boolean {
    return this.#chance() < share;
  }

  nasty(): string {
    return this.pick(NASTY);
  }

  /** @param wild the share of values that break the schema. */
  of(given: Schema, wild: number): unknown {
    const schema = this.#document.resolve(given);
    if (this.happens(wild))
      return this.happens(0.5) ? this.nasty() : this.pick([...OF_OTHER_TYPES, ...NUMBERS]);
    const options = schema.anyOf ?? schema.oneOf;
    if (options) return this.of(this.pick(options), wild);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return this.pick(schema.enum);
    const type = Array.isArray(schema.type) ? this.pick(schema.type as string[]) : schema.type;
    switch (type) {
      case "object":
        return this.#object(schema, wild);
      case "array":
        return this.#array(schema, wild);
      case "integer":
      case "number":
        return this.#number(schema, wild);
      case "boolean":
        return this.happens(0.5);
      case "null":
        return null;
      default:
        return this.#text(schema);
    }
  }

  #object(schema: Schema, wild: number): Record<string, unknown> {
    const made: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const isNeeded = schema.required?.includes(name) ?? false;
      if (isNeeded ? !this.happens(wild / 2) : this.happens(0.5)) made[name] = this.#field(name, field, wild);
    }
    if (this.happens(wild))
      made[this.pick(["extra", "price", "amount", "buyer", "__proto__", "state"])] = this.nasty();
    return made;
  }

  #field(name: string, schema: Schema, wild: number): unknown {
    const known = this.happens(wild) ? undefined : this.#known(name);
    return known === undefined ? this.of(schema, wild) : known;
  }

  #array(schema: Schema, wild: number): unknown[] {
    const { minItems = 0, maxItems = 3 } = schema;
    const edges = [
      minItems,
      minItems + 1,
      Math.min(maxItems, 25),
      ...(this.happens(wild) ? [maxItems + 1, 0] : []),
    ];
    const count = Math.min(this.pick(edges), 60);
    return Array.from({ length: count }, () => this.of(schema.items ?? {}, wild));
  }

  #number({ minimum = 0, maximum = 1_000 }: Schema, wild: number): number {
    const inside = [minimum, Math.min(minimum + 1, maximum), Math.max(maximum - 1, minimum), maximum];
    return this.pick(this.happens(wild) ? [minimum - 1, maximum + 1] : inside);
  }

  #text(schema: Schema): string {
    const { example, format, minLength = 0, maxLength = 40 } = schema;
    if (typeof example === "string" && this.happens(0.7)) return example;
    if (format === "date-time") return this.pick(["2026-11-27T10:00:00.000Z", "2026-13-40T99:00:00Z", "now"]);
    if (format === "date") return this.pick(["2026-11-20", "2026-02-30", "yesterday"]);
    if (format === "uri")
      return this.pick(["https://shop.example/back", "javascript:alert(1)", "//x", "http://"]);
    return this.happens(0.5)
      ? "x".repeat(this.pick([minLength, Math.min(maxLength, 5_000), maxLength + 1]))
      : this.nasty();
  }
}
