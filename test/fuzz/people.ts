import type { StaffRole } from "../../schema/staff.ts";
import { SECRETS } from "../system/server.ts";
import type { Town } from "./town.ts";

/** Who there is besides buyers: staff of each role, somebody whose key was revoked, and keys that are none. */
export interface People {
  readonly staff: Readonly<Record<StaffRole, string>>;
  readonly revoked: string;
}

export async function peopleOf({ merchant: { client } }: Town): Promise<People> {
  const made = async (role: string) =>
    (
      await client.call<{ id: string; key: string }>("POST", "/v1/admin/staff-keys", SECRETS.ADMIN_KEY, {
        name: role,
        role,
      })
    ).body;
  const [viewer, support, finance, gone] = await Promise.all(
    ["viewer", "support", "finance", "admin"].map(made),
  );
  await client.call("DELETE", `/v1/admin/staff-keys/${gone?.id}`, SECRETS.ADMIN_KEY);
  const keyOf = (one: { key: string } | undefined): string => one?.key ?? "";
  const staff = {
    viewer: keyOf(viewer),
    support: keyOf(support),
    finance: keyOf(finance),
    admin: SECRETS.ADMIN_KEY,
  };
  return { staff, revoked: keyOf(gone) };
}
