// File lock between processes, for rare work on the database file itself: migration and quarantine.
import { lstatSync, rmSync } from 'node:fs';
import { requirePackage } from './require-package.ts';
import { sleepSync } from './sleep-sync.ts';
import { performance } from './time.ts';

// A holder without a heartbeat for this long is dead; the work itself takes milliseconds.
const STALE_MS = 10_000;
const RETRY_MS = 10;

/** Runs `work` under the lock. Blocks the thread, but not for ever: the lock of a dead holder is broken. */
export function withFileLock<T>(path: string, work: () => T): T {
  const lockfile = requirePackage<typeof import('proper-lockfile')>('proper-lockfile');
  let waited = { since: performance.now(), sign: heartbeatOf(path) };
  let release: () => void;
  for (;;) {
    try {
      release = lockfile.lockSync(path, {
        lockfilePath: path,
        realpath: false,
        stale: STALE_MS,
        // Without a handler, a lost lock would be thrown inside a timer. The work verifies what it changes.
        onCompromised: () => undefined,
      });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED' && !lostCreationRace(error)) throw error;
      const heartbeat = heartbeatOf(path);
      if (heartbeat !== waited.sign) waited = { since: performance.now(), sign: heartbeat };
      // Measured by our own clock: after the system clock was set back, the lock's time lies in the future.
      else if (performance.now() - waited.since > STALE_MS) rmSync(path, { recursive: true, force: true });
      sleepSync(RETRY_MS);
    }
  }
  try {
    return work();
  } finally {
    try {
      release();
    } catch {
      // The lock was lost while working. Its new holder releases it.
    }
  }
}

/** True if our new lock vanished: another process saw the same stale lock and removed ours. */
export function lostCreationRace(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  // From `mkdir`, ENOENT means that the parent directory is missing.
  return code === 'ENOENT' && syscall !== 'mkdir';
}

/** Changes when the lock changes hands and at each heartbeat. */
function heartbeatOf(path: string): string | undefined {
  const lock = lstatSync(path, { throwIfNoEntry: false });
  return lock && `${lock.ino} ${lock.mtimeMs}`;
}
