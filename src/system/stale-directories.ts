// Collects the temporary directories of builds that were killed before they could.
import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

// On a disk shared with another machine or container a pid means nothing here, so a directory must be old as well.
const STALE_AFTER_MS = 60 * 60 * 1000;

/** The beginning of the names of a process's temporary directories: with its pid, so that others can see it is gone. */
export function temporaryPrefix(prefix: string): string {
  return `${prefix}${process.pid}-`;
}

/** Removes directories in `parent` made with {@link temporaryPrefix} by processes that are gone. Links are left alone. Never throws. */
export function removeStaleDirectories(parent: string, prefix: string): void {
  try {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (!entry.isDirectory() || !entry.name.startsWith(prefix)) continue;
      const pid = /^(\d+)-/.exec(entry.name.slice(prefix.length))?.[1];
      if (pid !== undefined && !isRunning(Number(pid))) removeIfOld(path.join(parent, entry.name));
    }
  } catch {
    // Whoever wants to write to `parent` will be told what is wrong with it.
  }
}

function removeIfOld(directory: string): void {
  try {
    if (Date.now() - statSync(directory).mtimeMs > STALE_AFTER_MS) rmSync(directory, { recursive: true });
  } catch {
    // Somebody else's, or collected by somebody else meanwhile.
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
