import type { BuyerId } from "../schema/ids.ts";
import type { StaffRole } from "../schema/staff.ts";

export type Language = "en" | "zh";

/** Who of the staff is asking, once `requireStaff` has let them in. */
export interface StaffMember {
  /** The key's id, or `bootstrap` for the key of the environment. */
  readonly id: string;
  readonly role: StaffRole;
}

/** What Hono's context carries here. */
export type App = {
  Bindings: Env;
  Variables: {
    requestId: string;
    /** Whether the answer was made with all of its headers. */
    dressed: boolean;
    lang: Language;
    /** Set by the first middleware that needs to know; null when nobody is signed in. */
    buyer: BuyerId | null;
    staff: StaffMember;
    /** What the request's log line says beside method, path and status. */
    logged: Record<string, string | number | boolean | null>;
  };
};
