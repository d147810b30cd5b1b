// Removes temporary directories of builds that were killed before they could clean up.
import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

// On a disk shared with another machine or container a pid means nothing, so a stale directory must also be old.
const STALE_AFTER_MS = 60 * 60 * 1000;

/**
 * Name prefix of this process's temporary directories. It contains the pid, so that other processes can tell when
 * the owner is gone.
 */
export function temporaryPrefix(prefix: string): string {
  return `${prefix}${process.pid}-`;
}

/**
 * Removes directories in `parent` whose name has {@link temporaryPrefix} of a process that is gone. Links are left
 * alone. Never throws.
 */
export function removeStaleDirectories(parent: string, prefix: string): void {
  try {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (!entry.isDirectory() || !entry.name.startsWith(prefix)) continue;
      const pid = /^(\d+)-/.exec(entry.name.slice(prefix.length))?.[1];
      if (pid !== undefined && !isRunning(Number(pid))) removeIfOld(path.join(parent, entry.name));
    }
  } catch {
    // The next write to `parent` reports what is wrong with it.
  }
}

function removeIfOld(directory: string): void {
  try {
    if (Date.now() - statSync(directory).mtimeMs > STALE_AFTER_MS) rmSync(directory, { recursive: true });
  } catch {
    // It belongs to another user, or another process removed it meanwhile.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
