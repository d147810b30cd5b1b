// Locks between processes, for what SQLite's own locking cannot serialize. Never taken per operation.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lostCreationRace } from '../../system/file-lock.ts';
import { requirePackage } from '../../system/require-package.ts';
import { STALE_AFTER_MS } from '../../system/stale-files.ts';
import { performance, wallClock } from '../../system/time.ts';

/** A lock whose holder showed no sign of life for this long, in milliseconds, is anybody's. */
export const LOCK_STALE_MS = 10_000;
const LOCK_UPDATE_MS = 2_000;

/** How the files beside the locks end in which waits are written down, see wait-for-graph.ts. */
export const WAIT_SUFFIX = '.waits';

export interface HeldLock {
  /** When it was made, in milliseconds since the epoch: tells it from a later lock of the same name. */
  readonly createdAt: number;
  /** False once the lock was lost: the holder was stopped or blocked for longer than {@link LOCK_STALE_MS}. */
  readonly isHeld: boolean;
  /** Resolves when the lock is given back. Rejects when it cannot be told whose it is by now. */
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

/** Makes a directory of locks. Throws when there is something else in its place. */
export function prepareLockDirectory(directory: string): void {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // A link would have our locks made, and others' removed, somewhere else.
  for (const part of [dirname(directory), directory]) {
    if (!fs.lstatSync(part).isDirectory()) throw new Error(`${part} is not a directory of ours.`);
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
      // The library says late that a lock was lost: when its timer runs again after the process was stopped. Until
      // then the time that has passed since the last sign of life tells.
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
      // Without a handler the library throws in its timer and kills the process. Whoever lost a lease is refused by
      // the store when it tries to store, so that there is nothing else to do here.
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
        // The library removes whatever has the name: a lock that was taken over is left to who has it now.
        if (isHeld && creationTimeOf(path) === createdAt) await release().catch(() => undefined);
        isHeld = false;
      },
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED' || lostCreationRace(error)) return 'taken';
    throw error;
  }
}

// Milliseconds by which the global `Date`, which the library asks, is behind the real time: 0 unless a test runner
// fakes it. Other processes judge a lock by the real time. Whole seconds, so that times stay equal on file systems
// that know no others.
function skew(): number {
  return Math.round((wallClock.now() - Date.now()) / 1000) * 1000;
}

/** Removes the lock of a holder that is known to be dead, if it still is the one that was {@link HeldLock.createdAt} then. */
export async function breakLock(directory: string, name: string, createdAt: number): Promise<void> {
  const path = lockPath(directory, name);
  // It may have been taken over since, as a stale one, by somebody who has not yet said so in the store.
  if (createdAt > 0 && creationTimeOf(path) === createdAt) await rm(path, { recursive: true, force: true });
}

function creationTimeOf(path: string): number | undefined {
  const lock = fs.lstatSync(path, { throwIfNoEntry: false });
  return lock && Math.round(lock.birthtimeMs);
}

const removing = new Map<string, Promise<void>>();

/**
 * Removes locks whose holders showed no sign of life for longer than {@link LOCK_STALE_MS}. Never rejects. One after
 * the other in a process: else one would take what the other has just taken for a lock that somebody holds.
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
    // What a process that was killed waited for.
    if (name.endsWith(WAIT_SUFFIX) && lock && wallClock.now() - lock.mtimeMs > STALE_AFTER_MS) {
      await rm(path, { force: true }).catch(() => undefined);
    }
    if (!name.endsWith('.lock') || !lock || wallClock.now() - lock.mtimeMs <= LOCK_STALE_MS) continue;
    // Taken first: somebody else may take it over at the same moment, and that one's lock is to stay.
    const taken = await take(path).catch(() => 'taken' as const);
    if (taken !== 'taken') await taken.release();
  }
}
