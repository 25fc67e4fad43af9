import { createHash } from "node:crypto";
import type { Context } from "hono";
import { mayActAs, type StaffRole } from "../../schema/staff.ts";
import type { App, StaffMember } from "../app-env.ts";
import { problem } from "../problem.ts";
import { findStaffKey } from "../read-models/staff.ts";
import { cameThroughAccess } from "./access.ts";
import type { Check } from "./admit.ts";
import { bearerOf } from "./bearer.ts";

/** The key of the environment: the first admin, who can make the others, and the one who still gets in while D1 is down. */
const BOOTSTRAP = "bootstrap";

const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex");

/** Who of the staff a key belongs to, where Cloudflare Access has let the request through. Only hashes are compared, so how far two keys agree cannot be timed. */
export async function staffOf(c: Context<App>): Promise<StaffMember | null> {
  const key = bearerOf(c);
  if (!key || !(await cameThroughAccess(c.env, c.req.header("cf-access-jwt-assertion")))) return null;
  const hash = hashOf(key);
  if (c.env.ADMIN_KEY && hash === hashOf(c.env.ADMIN_KEY)) return { id: BOOTSTRAP, role: "admin" };
  return findStaffKey(c.env.DB, hash);
}

/** Lets staff of at least this role in. */
export const requireStaff =
  (role: StaffRole): Check =>
  async (c) => {
    const staff = await staffOf(c);
    if (!staff)
      return problem(c, { code: "unauthenticated" }, { "WWW-Authenticate": 'Bearer realm="staff"' });
    if (!mayActAs(staff.role, role))
      return problem(c, {
        code: "forbidden",
        detail: `This needs the role ${role}; the key's role is ${staff.role}.`,
      });
    c.set("staff", staff);
    c.set("logged", { ...c.get("logged"), staff: staff.id });
    return undefined;
  };
