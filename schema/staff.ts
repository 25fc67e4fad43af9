/** Each role may do what the ones before it may. */
export const STAFF_ROLES = ["viewer", "support", "finance", "admin"] as const;
export type StaffRole = (typeof STAFF_ROLES)[number];

export const mayActAs = (role: StaffRole, needed: StaffRole): boolean =>
  STAFF_ROLES.indexOf(role) >= STAFF_ROLES.indexOf(needed);
