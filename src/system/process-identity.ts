// Who made a temporary file or holds a lease: a process on a machine, and whether it still runs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessId {
  pid: number;
  host: string;
}

let host: string | undefined;

// A container has a host name of its own, and its process numbers mean nothing outside.
function thisHost(): string {
  host ??= createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  return host;
}

/** This process. */
export function currentProcessId(): ProcessId {
  return { pid: process.pid, host: thisHost() };
}

/** This process, as the beginning of a file name. */
export function processFilePrefix(): string {
  return `${process.pid}-${thisHost()}`;
}

/** The owner that a file name begins with. */
export function processOfFile(name: string): ProcessId | undefined {
  const match = /^(\d{1,10})-([0-9a-f]{8})-/.exec(name);
  return match ? { pid: Number(match[1]), host: match[2]! } : undefined;
}

/** True only when it is certain that the owner no longer runs: processes of other machines are never gone. */
export function hasExited(owner: ProcessId): boolean {
  if (owner.host !== thisHost()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** A process that is told from later ones of the same number. */
export interface ProcessIdentity extends ProcessId {
  /** When it was started, in the system's own count; 0 where that is not known. */
  started: number;
}

let identity: ProcessIdentity | undefined;

/** This process, told from others that had or will have its number. */
export function currentProcess(): ProcessIdentity {
  identity ??= { ...currentProcessId(), started: startOf(process.pid) };
  return identity;
}

/** True only when it is certain that the process no longer runs. */
export function isDead({ pid, host, started }: ProcessIdentity): boolean {
  if (hasExited({ pid, host })) return true;
  return host === thisHost() && started !== 0 && ![0, started].includes(startOf(pid));
}

// The 22nd field of /proc/<pid>/stat. The second is a name in parentheses, which may hold anything.
function startOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19]) || 0;
  } catch {
    return 0;
  }
}
