// Finds and ends every process of one session.
//
// Each program started here leads its own session, and every descendant belongs to that session unless it starts
// another. The session counts, not the process group: ninja gives each compiler its own group so that Ctrl-C does
// not reach it, and killing only the leader's group would leave those running.
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { performance } from './time.ts';

const POLL_MS = 15;

/** The kernel itself holds a process that survives SIGKILL for this long. */
const GIVE_UP_MS = 5_000;

/**
 * The process groups with a live member in the session that `leader` started. Zombies do not count: without a
 * parent that reaps them, they stay for ever. Without `/proc`, only the leader's own group is visible.
 */
export function liveProcessGroups(leader: number): number[] {
  let pids: string[];
  try {
    pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  } catch {
    pids = [];
  }
  if (pids.length === 0) return groupExists(leader) ? [leader] : [];
  const groups = new Set<number>();
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields === undefined) continue;
    const [state, , group, session] = fields;
    if (state === 'Z' || state === 'X') continue;
    if (Number(session) === leader || Number(group) === leader) groups.add(Number(group));
  }
  return [...groups];
}

/**
 * Sends a signal to every process of the session that `leader` started. Processes that have exited are not an
 * error.
 */
export function signalProcesses(leader: number, signal: NodeJS.Signals): void {
  for (const group of liveProcessGroups(leader)) signalGroup(group, signal);
}

/**
 * Ends every process of the session that `leader` started: SIGTERM, and after `killAfter` milliseconds SIGKILL to
 * the rest. When the promise resolves to true, none is left. False means that a process survived SIGKILL for five
 * seconds, because it belongs to another user or waits inside the kernel.
 */
export async function endProcesses(leader: number, killAfter: number): Promise<boolean> {
  const asked = new Set<number>();
  const killAt = performance.now() + killAfter;
  for (;;) {
    const groups = liveProcessGroups(leader);
    if (groups.length === 0) return true;
    const now = performance.now();
    if (now >= killAt + GIVE_UP_MS) return false;
    for (const group of groups) {
      // Repeated, because a process may fork between the scan and the signal.
      if (now >= killAt) signalGroup(group, 'SIGKILL');
      else if (!asked.has(group)) signalGroup(group, 'SIGTERM');
      asked.add(group);
    }
    await delay(now < killAt ? Math.max(1, Math.min(POLL_MS, killAt - now)) : POLL_MS);
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has exited, or belongs to another user. The next scan tells.
  }
}

function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Large enough for `/proc/PID/stat`: some fifty numbers and a short name. */
const line = Buffer.allocUnsafe(4096);

/** State, parent, group, session: the fields after the command's name, which may itself contain anything. */
function statFields(pid: string): string[] | undefined {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/stat`, 'r');
    // `readFileSync` first determines the length, which is several times the work for every process on the machine.
    const stat = line.toString('latin1', 0, readSync(file, line));
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
