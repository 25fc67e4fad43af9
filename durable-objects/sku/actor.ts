import { DurableObject } from "cloudflare:workers";

export class SkuActor extends DurableObject<Env> {}
