import { DurableObject } from "cloudflare:workers";

export class GateActor extends DurableObject<Env> {}
