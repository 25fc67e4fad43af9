import { DurableObject } from "cloudflare:workers";

export class OrderActor extends DurableObject<Env> {}
