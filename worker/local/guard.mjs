import { spawn } from "node:child_process";

/**
 * Has a group of processes end with this process, even by SIGKILL, and with its own first process. A server is such a group, and its
 * runtime would go on without the others, holding the data and the port. So the group has a guard: it reads from a pipe that nobody
 * writes to, which ends when there is nobody left who could.
 *
 * @param {import("node:child_process").ChildProcess} first of a group of its own: spawned detached.
 */
export function guard(first) {
  if (process.platform === "win32" || first.pid === undefined) return;
  const waits = 'read -r _; kill -s KILL -- "-$0" 2>/dev/null';
  const waiting = spawn("sh", ["-c", waits, String(first.pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  first.once("exit", () => waiting.stdin.destroy());
}
