import { DurableObject } from "cloudflare:workers";

export class SandboxBank extends DurableObject<Env> {}
