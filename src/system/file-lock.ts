// A lock between processes for the rare work on a database file itself: migrations, setting it aside.
import { lstatSync, rmSync } from 'node:fs';
import { requirePackage } from './require-package.ts';
import { sleepSync } from './sleep-sync.ts';
import { performance } from './time.ts';

// A holder that gave no sign of life for this long is dead; the work itself takes milliseconds.
const STALE_MS = 10_000;
const RETRY_MS = 10;

/** Runs `work` while no other process runs any under the same lock. Blocks the thread meanwhile, not for ever. */
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
        // Without a handler a lost lock would be thrown in a timer. The work checks what it changes by itself.
        onCompromised: () => undefined,
      });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED' && !lostCreationRace(error)) throw error;
      const heartbeat = heartbeatOf(path);
      if (heartbeat !== waited.sign) waited = { since: performance.now(), sign: heartbeat };
      // Also when its time lies ahead, because somebody set the clock back: it is the same one all the while.
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
      // Lost while working: somebody else has it now, and gives it back.
    }
  }
}

/**
 * Whether a lock could not be taken because it was gone as soon as it was made: two found a stale one, and the second
 * removed what the first had already put in its place.
 */
export function lostCreationRace(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  // Of `mkdir` it would mean that there is no directory for it.
  return code === 'ENOENT' && syscall !== 'mkdir';
}

/** Changes when the lock changes hands and when its holder gives a sign of life. */
function heartbeatOf(path: string): string | undefined {
  const lock = lstatSync(path, { throwIfNoEntry: false });
  return lock && `${lock.ino} ${lock.mtimeMs}`;
}
