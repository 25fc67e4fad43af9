import * as z from "zod";
import type { StaffRole } from "../../schema/staff.ts";

/** As much of a JSON schema as the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly example?: unknown;
  readonly default?: unknown;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body: Schema | null;
  /** Whether a buyer's token opens it. */
  readonly forBuyers: boolean;
  /** The least role whose key opens it; null where no staff key does. */
  readonly role: StaffRole | null;
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

interface Raw {
  readonly paths: Record<string, Record<string, RawOperation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}
interface RawOperation {
  readonly parameters?: Operation["parameters"];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Operation["responses"];
}

/** The product's own description of itself. */
export class ApiDocument {
  readonly operations: readonly Operation[];
  readonly #schemas: Record<string, Schema>;
  readonly #validators = new Map<string, z.ZodType>();

  constructor({ paths, components }: Raw) {
    this.#schemas = components.schemas;
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody, responses, security = [] }]) => ({
        method: method.toUpperCase(),
        path,
        parameters,
        body: requestBody?.content["application/json"]?.schema ?? null,
        forBuyers: security.some((one) => "buyer" in one),
        role: roleOf(security),
        responses,
      })),
    );
  }

  static async at(origin: string): Promise<ApiDocument> {
    const answer = await fetch(`${origin}/openapi.json`);
    return new ApiDocument(await answer.json<Raw>());
  }

  /** What a schema says, with its reference followed. */
  resolve(schema: Schema): Schema {
    const name = schema.$ref?.split("/").at(-1);
    return name === undefined ? schema : this.resolve(this.#schemas[name] ?? {});
  }

  /** Why an answer is none that the document promises; null when it is one. */
  undocumented(operation: Operation, status: number, type: string, text: string): string | null {
    const promised = operation.responses[status];
    if (!promised) return `the status ${status} is not in the document`;
    if (!promised.content) return null;
    const media = type.split(";")[0] ?? "";
    const content = promised.content[media];
    if (!content)
      return `${status} comes as ${type || "nothing"}, not as ${Object.keys(promised.content).join(" or ")}`;
    if (!media.endsWith("json")) return null;
    const value = parsed(text);
    if (value === undefined) return `${status} is not JSON`;
    const read = this.#validatorOf(content.schema).safeParse(value);
    return read.success ? null : `${status} is not of its schema: ${z.prettifyError(read.error)}`;
  }

  #validatorOf(schema: Schema): z.ZodType {
    const text = JSON.stringify(schema);
    const known = this.#validators.get(text);
    if (known) return known;
    // Zod reads JSON Schema with its definitions inside: those that are named, and those that they name.
    const named = new Set<string>();
    for (const pieces = [text]; pieces.length > 0;)
      for (const [, name = ""] of (pieces.pop() ?? "").matchAll(/#\/components\/schemas\/(\w+)/g)) {
        if (named.has(name)) continue;
        named.add(name);
        pieces.push(JSON.stringify(this.#schemas[name]));
      }
    const definitions = Object.fromEntries([...named].map((name) => [name, this.#schemas[name]]));
    const whole = JSON.stringify({ ...schema, $defs: definitions }).replaceAll(
      "#/components/schemas/",
      "#/$defs/",
    );
    const validator = z.fromJSONSchema(JSON.parse(whole) as Parameters<typeof z.fromJSONSchema>[0]);
    this.#validators.set(text, validator);
    return validator;
  }
}

function roleOf(security: NonNullable<RawOperation["security"]>): StaffRole | null {
  const roles = security.flatMap(({ staff = [] }) => staff);
  return (roles[0] as StaffRole | undefined) ?? null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An operation's name in what people read: `POST /v1/orders`. */
export const nameOf = ({ method, path }: Pick<Operation, "method" | "path">): string => `${method} ${path}`;
