// Wait-for graph of leases: finds holders that would wait for each other for ever.
//
//   producing a ──waits for──► b ──held by──► producing b ──waits for──► a      a circle: neither can go on
//
// Within the process the graph is in memory. For other processes a wait is written to a file in the directory of locks,
// named by the waiter's token. The others find that token in the database, as the holder of the lease that they wait
// for.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareLockDirectory, WAIT_SUFFIX } from './locks.ts';

/** A lease that is held, by a caller of this process or of another. */
export interface HeldLease {
  key: string;
  token: string;
  /** Directory of the locks and waits between processes; undefined when no other process can have the store. */
  directory: string | undefined;
}

/** A caller that produces under leases and waits for another one. */
export interface Wait {
  /** The tokens of the leases that it holds. */
  holding: readonly string[];
  /** The lease that it waits for now: that changes when a lease is passed on. */
  blocker: () => HeldLease | undefined;
}

const TOKEN = /^[0-9a-f-]{36}$/;
// Longest chain of callers that is followed.
const MAX_STEPS = 1000;

export class WaitForGraph {
  readonly #held = new Map<string, HeldLease>();
  readonly #waits = new Map<string, Set<Wait>>();
  readonly #published = new Map<string, string>();

  /** A caller of this process got a lease. */
  addLease(lease: HeldLease): void {
    this.#held.set(lease.token, lease);
  }

  /** The caller released the lease or lost it. */
  removeLease(token: string): void {
    this.#waits.delete(token);
    this.#publish(token);
    this.#held.delete(token);
  }

  addWait(wait: Wait): void {
    for (const token of wait.holding) {
      const waits = this.#waits.get(token) ?? new Set();
      this.#waits.set(token, waits.add(wait));
      this.#publish(token);
    }
  }

  /** The wait is for another holder now. */
  updateWait(wait: Wait): void {
    for (const token of wait.holding) this.#publish(token);
  }

  removeWait(wait: Wait): void {
    for (const token of wait.holding) {
      const waits = this.#waits.get(token);
      if (!waits?.delete(wait)) continue;
      if (waits.size === 0) this.#waits.delete(token);
      this.#publish(token);
    }
  }

  /** The keys of the leases that wait for each other, starting with the awaited one, if the wait closes a circle. */
  findCycle(wait: Wait): string[] | undefined {
    const first = wait.blocker();
    const paths = first ? [[first]] : [];
    const seen = new Set<string>();
    for (let path = paths.pop(); path && seen.size < MAX_STEPS; path = paths.pop()) {
      const last = path.at(-1)!;
      if (wait.holding.includes(last.token)) return path.map(({ key }) => key);
      if (seen.has(last.token)) continue;
      seen.add(last.token);
      for (const next of this.#blockersOf(last)) paths.push([...path, next]);
    }
    return undefined;
  }

  #blockersOf({ token, directory }: HeldLease): HeldLease[] {
    const waits = this.#waits.get(token);
    if (waits) return [...waits].flatMap(wait => wait.blocker() ?? []);
    return directory === undefined || this.#held.has(token) ? [] : readWaits(directory, token);
  }

  // Other processes look for it while they wait, again and again.
  #publish(token: string): void {
    const directory = this.#held.get(token)?.directory;
    if (directory === undefined) return;
    const file = join(directory, token + WAIT_SUFFIX);
    const blockers = [...(this.#waits.get(token) ?? [])].flatMap(wait => wait.blocker() ?? []);
    const text = JSON.stringify(blockers);
    if (text === (this.#published.get(token) ?? '[]')) return;
    try {
      if (blockers.length === 0) {
        this.#published.delete(token);
        rmSync(file, { force: true });
      } else {
        this.#published.set(token, text);
        prepareLockDirectory(directory);
        writeFileSync(file, text, { mode: 0o600 });
      }
    } catch {
      // Then a circle through another process ends when the time of one waiter is over.
    }
  }
}

/** The graph of this process. */
export const waitForGraph = new WaitForGraph();

// The waits that another process has written, if they are valid.
function readWaits(directory: string, token: string): HeldLease[] {
  try {
    if (!TOKEN.test(token)) return [];
    const found: unknown = JSON.parse(readFileSync(join(directory, token + WAIT_SUFFIX), 'utf8'));
    return Array.isArray(found) ? found.filter(isHeldLease) : [];
  } catch {
    // The file does not exist, or is being written.
    return [];
  }
}

function isHeldLease(value: unknown): value is HeldLease {
  if (typeof value !== 'object' || value === null) return false;
  const { key, token, directory } = value as Record<string, unknown>;
  return (
    typeof key === 'string' &&
    typeof token === 'string' &&
    TOKEN.test(token) &&
    (directory === undefined || typeof directory === 'string')
  );
}
