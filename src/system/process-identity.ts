// Process identity: machine, pid and start time. Tells whether the owner of a temporary file or lease still runs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessId {
  pid: number;
  host: string;
}

let host: string | undefined;

// A container has its own host name, and its pids mean nothing outside.
function thisHost(): string {
  host ??= createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  return host;
}

export function currentProcessId(): ProcessId {
  return { pid: process.pid, host: thisHost() };
}

/** This process, as a prefix of file names. */
export function processFilePrefix(): string {
  return `${process.pid}-${thisHost()}`;
}

/** The process named by the prefix of a file name. */
export function processOfFile(name: string): ProcessId | undefined {
  const match = /^(\d{1,10})-([0-9a-f]{8})-/.exec(name);
  return match ? { pid: Number(match[1]), host: match[2]! } : undefined;
}

/** True only when the owner has certainly exited. A process of another machine never counts as exited. */
export function hasExited(owner: ProcessId): boolean {
  if (owner.host !== thisHost()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** A process, distinguished from later ones with the same pid. */
export interface ProcessIdentity extends ProcessId {
  /** Start time in the system's own units; 0 where unknown. */
  started: number;
}

let identity: ProcessIdentity | undefined;

/** This process, distinguished from others with the same pid. */
export function currentProcess(): ProcessIdentity {
  identity ??= { ...currentProcessId(), started: startOf(process.pid) };
  return identity;
}

/** True only when the process has certainly exited. */
export function isDead({ pid, host, started }: ProcessIdentity): boolean {
  if (hasExited({ pid, host })) return true;
  return host === thisHost() && started !== 0 && ![0, started].includes(startOf(pid));
}

// Field 22 of /proc/<pid>/stat. Field 2 is a name in parentheses, which may contain anything.
function startOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19]) || 0;
  } catch {
    return 0;
  }
}
