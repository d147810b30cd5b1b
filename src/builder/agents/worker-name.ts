// Names under which agents and builds take jobs from a queue. Redis shows them to every client, so they say who is there.
import { hostname } from 'node:os';
import { userName } from '../../config/environment.ts';

/** One who takes jobs. */
export interface WorkerName {
  /** A build takes only its own targets; an agent takes all that it can build. */
  role: 'agent' | 'build';
  /** For people: `alice@laptop`. */
  label: string;
  pid: number;
  /** Targets compiled at once. */
  jobs: number;
  /** What it can build, in words. */
  ability: string;
}

/** The label of this user and machine. */
export function ownLabel(): string {
  return `${userName()}@${hostname()}`;
}

/** The name as text without blanks and colons, which names of connections cannot have. */
export function formatWorkerName({ role, label, pid, jobs, ability }: WorkerName): string {
  return [role, label, pid, jobs, ability].map(part => encodeURIComponent(part)).join('!');
}

/** Undefined for the names of others. */
export function parseWorkerName(text: string): WorkerName | undefined {
  const parts = text.split('!');
  const [role, label, pid, jobs, ability] = parts.map(decode);
  if (parts.length !== 5 || (role !== 'agent' && role !== 'build')) return undefined;
  return { role, label: label!, pid: Number(pid), jobs: Number(jobs), ability: ability! };
}

/** The name in that of a connection, as BullMQ writes it. */
export function workerOfClient(client: Readonly<Record<string, string>>): WorkerName | undefined {
  const name = client.rawname ?? client.name ?? '';
  const at = name.indexOf(':w:');
  return at < 0 ? undefined : parseWorkerName(name.slice(at + 3));
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
