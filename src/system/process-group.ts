// The processes that one started program has become: seeing whether any is left, and ending them all.
//
// A program started here leads a session of its own, and so every descendant belongs to that session unless it makes
// another. The session is what counts, not the process group: ninja gives each compiler a group of its own so that
// Ctrl-C does not reach it, and killing only the leader's group would leave those running.
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { performance } from './time.ts';

/** Milliseconds between two looks at whether processes have ended. */
const POLL_MS = 15;

/** Milliseconds after SIGKILL at which a process that is still there is given up: the kernel itself holds it. */
const GIVE_UP_MS = 5_000;

/**
 * The process groups that still have a living member, of the session that `leader` began. Processes that have ended
 * and were not collected by their parent do not count: where nobody collects orphans they stay for ever.
 * Where there is no `/proc`, only the leader's own group is seen.
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

/** Sends a signal to every process of the session that `leader` began. Processes that are gone already are no error. */
export function signalProcesses(leader: number, signal: NodeJS.Signals): void {
  for (const group of liveProcessGroups(leader)) signalGroup(group, signal);
}

/**
 * Ends every process of the session that `leader` began: SIGTERM, and SIGKILL to what is left `killAfter` milliseconds
 * later. When the promise resolves none is left; it resolves to false when one could not be ended within five
 * seconds of SIGKILL, because it belongs to another user or waits inside the kernel.
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
      // Killing is repeated: a process may have forked between the look and the signal.
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
    // Gone meanwhile, or not ours to signal: the next look at what is left tells.
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

/** Room for a line of `/proc/PID/stat`, which is some fifty numbers and a short name. */
const line = Buffer.allocUnsafe(4096);

/** State, parent, group, session: what follows the command's name, which may itself contain anything. */
function statFields(pid: string): string[] | undefined {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/stat`, 'r');
    // Not by readFileSync, which has to find out how long it is: several times the work, for every process there is.
    const stat = line.toString('latin1', 0, readSync(file, line));
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
