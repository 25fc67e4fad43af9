import { writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/**
 * Gives the first process of a new session a priority, of which whatever it starts has part. Linux weighs sessions against each
 * other, and processes only within theirs (sched(7), "The autogroup feature"): the session needs it as well.
 *
 * @param pid of a process that was spawned detached.
 * @param priority as in `os.constants.priority`; left out, that of this process, which its new session does not inherit.
 */
export function prioritize(pid: number, priority = getPriority()): void {
  try {
    setPriority(pid, priority);
    writeFileSync(`/proc/${pid}/autogroup`, String(priority));
  } catch {
    // A process that is gone already, or a system that weighs no sessions.
  }
}
