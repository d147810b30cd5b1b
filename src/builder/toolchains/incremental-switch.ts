// Incremental builds make what pristine builds make. Should they once not have, then they are not made any more below that
// cache directory: a file says so, and who removes it turns them on again.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** In the cache directory. */
const FILE = 'incremental-off';

/** What turns them off while it is there. Absolute. */
export function switchFile(cacheRoot: string): string {
  return path.join(cacheRoot, FILE);
}

/** Whether there are no incremental builds any more. */
export function isTurnedOff(cacheRoot: string): boolean {
  return existsSync(switchFile(cacheRoot));
}

/** Turns them off; returns the file to be removed to turn them on again. */
export function turnOff(cacheRoot: string, why: string): string {
  const file = switchFile(cacheRoot);
  mkdirSync(cacheRoot, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${why}\n`, { mode: 0o600 });
  return file;
}
