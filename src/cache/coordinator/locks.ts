// Locks between processes, for what SQLite's own locking cannot serialize. Never taken per operation.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lostCreationRace } from '../../system/file-lock.ts';
import { requirePackage } from '../../system/require-package.ts';
import { STALE_AFTER_MS } from '../../system/stale-files.ts';
import { performance, wallClock } from '../../system/time.ts';

/** A lock whose holder sent no heartbeat for this long, in milliseconds, is stale and may be taken over. */
export const LOCK_STALE_MS = 10_000;
const LOCK_UPDATE_MS = 2_000;

/** Suffix of the files beside the locks that record waits, see wait-for-graph.ts. */
export const WAIT_SUFFIX = '.waits';

export interface HeldLock {
  /** Creation time, in milliseconds since the epoch: distinguishes the lock from a later one of the same name. */
  readonly createdAt: number;
  /** False once the lock was lost: the holder was suspended or blocked for longer than {@link LOCK_STALE_MS}. */
  readonly isHeld: boolean;
  /** Resolves when the lock is released. Rejects when its present holder cannot be determined. */
  release(): Promise<void>;
}

/** The lock file of a name, which may be any string, in a directory of locks. */
export function lockPath(directory: string, name: string): string {
  return join(directory, `${createHash('sha256').update(name).digest('hex').slice(0, 32)}.lock`);
}

/** Takes the lock, or resolves to `'taken'` when another process has it. Rejects when locks cannot be made there. */
export async function tryLock(directory: string, name: string): Promise<HeldLock | 'taken'> {
  prepareLockDirectory(directory);
  return take(lockPath(directory, name));
}

/** Creates a directory of locks. Throws when there is something else in its place. */
export function prepareLockDirectory(directory: string): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Through a link, our locks would be created, and others' removed, somewhere else.
  for (const part of [dirname(directory), directory]) {
    if (!fs.lstatSync(part).isDirectory())
      throw new Error(`${part} is not a directory. Remove it: Glovebox needs a directory there.`);
  }
}

async function take(path: string): Promise<HeldLock | 'taken'> {
  // Loaded at the first lock: most threads never need one.
  const lockfile = requirePackage<typeof import('proper-lockfile')>('proper-lockfile');
  let isHeld = true;
  let freshAt = performance.now();
  try {
    const release = await lockfile.lock(path, {
      lockfilePath: path,
      realpath: false,
      stale: LOCK_STALE_MS,
      update: LOCK_UPDATE_MS,
      // The library reports a lost lock late: when its timer runs again after the process was suspended. Until then the
      // time since the last heartbeat tells.
      fs: {
        ...fs,
        stat: (file: string, done: (error: Error | null, stats?: fs.Stats) => void) =>
          fs.stat(file, (error, stats) => {
            if (stats) stats.mtime = new Date(stats.mtimeMs - skew());
            done(error, stats);
          }),
        utimes: (file: string, _accessed: Date, modified: Date, done: (error: Error | null) => void) => {
          const time = new Date(modified.getTime() + skew());
          fs.utimes(file, time, time, error => {
            if (!error) freshAt = performance.now();
            done(error);
          });
        },
      },
      // Without a handler the library throws in its timer and kills the process. The store refuses the value of a
      // producer that lost its lease, so nothing is left to do here.
      onCompromised: () => {
        isHeld = false;
      },
    });
    const createdAt = creationTimeOf(path) ?? 0;
    return {
      createdAt,
      get isHeld() {
        return isHeld && performance.now() - freshAt < LOCK_STALE_MS - LOCK_UPDATE_MS;
      },
      async release() {
        // The library removes any lock of that name: one that was taken over is left to its new holder.
        if (isHeld && creationTimeOf(path) === createdAt) await release().catch(() => undefined);
        isHeld = false;
      },
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED' || lostCreationRace(error)) return 'taken';
    throw error;
  }
}

// Milliseconds by which the global `Date`, which the library uses, is behind the real time: 0 unless a test runner
// fakes it. Other processes judge a lock by the real time. Whole seconds, so that times stay equal on file systems with
// a resolution of seconds.
function skew(): number {
  return Math.round((wallClock.now() - Date.now()) / 1000) * 1000;
}

/**
 * Removes the lock of a holder that is known to be dead, if it still is the one that was {@link HeldLock.createdAt}
 * then.
 */
export async function breakLock(directory: string, name: string, createdAt: number): Promise<void> {
  const path = lockPath(directory, name);
  // The stale lock may have been taken over by a process that has not recorded that in the store yet.
  if (createdAt > 0 && creationTimeOf(path) === createdAt) await rm(path, { recursive: true, force: true });
}

function creationTimeOf(path: string): number | undefined {
  const lock = fs.lstatSync(path, { throwIfNoEntry: false });
  return lock && Math.round(lock.birthtimeMs);
}

const removing = new Map<string, Promise<void>>();

/**
 * Removes locks whose holders sent no heartbeat for longer than {@link LOCK_STALE_MS}. Never rejects. Runs are
 * serialized within a process: otherwise one would mistake a lock that another run has just taken for a live holder's.
 */
export async function removeStaleLocks(directory: string): Promise<void> {
  const mine = (removing.get(directory) ?? Promise.resolve()).then(() => removeStale(directory));
  removing.set(directory, mine);
  await mine;
  if (removing.get(directory) === mine) removing.delete(directory);
}

async function removeStale(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    const lock = await stat(path).catch(() => undefined);
    // Waits that a killed process recorded.
    if (name.endsWith(WAIT_SUFFIX) && lock && wallClock.now() - lock.mtimeMs > STALE_AFTER_MS) {
      await rm(path, { force: true }).catch(() => undefined);
    }
    if (!name.endsWith('.lock') || !lock || wallClock.now() - lock.mtimeMs <= LOCK_STALE_MS) continue;
    // Taken first: another process may take it over at the same moment, and that one's lock has to stay.
    const taken = await take(path).catch(() => 'taken' as const);
    if (taken !== 'taken') await taken.release();
  }
}
