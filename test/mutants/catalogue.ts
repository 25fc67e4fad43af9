import { AROUND } from "./around.ts";
import type { Mutant } from "./mutant.ts";
import { ORDERS } from "./orders.ts";
import { PROVIDERS } from "./providers.ts";
import { SKUS } from "./skus.ts";

/** Every mistake that is made on purpose: in the machines of SKU and order, and in what stands around them. */
export const MUTANTS: readonly Mutant[] = [...SKUS, ...ORDERS, ...PROVIDERS, ...AROUND];
