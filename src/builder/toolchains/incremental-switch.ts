// Incremental builds make what pristine builds make. Should they once not have, then they are not made any more below that
// cache directory: a file says so, and who removes it turns them on again.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** In the cache directory. */
const FILE = 'incremental-off';

/** Whether there are no incremental builds any more. */
export function isTurnedOff(cacheRoot: string): boolean {
  return existsSync(path.join(cacheRoot, FILE));
}

/** Turns them off; returns the file to be removed to turn them on again. */
export function turnOff(cacheRoot: string, why: string): string {
  const file = path.join(cacheRoot, FILE);
  mkdirSync(cacheRoot, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${why}\n`, { mode: 0o600 });
  return file;
}

/** Turns them on. */
export function turnOn(cacheRoot: string): void {
  rmSync(path.join(cacheRoot, FILE), { force: true });
}
