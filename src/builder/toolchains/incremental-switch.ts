// Switch of incremental builds. If an incremental build ever differs from a pristine one, a file in the cache directory
// turns incremental builds off; removing it turns them on again.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Name of the file in the cache directory. */
const FILE = 'incremental-off';

/** The file that turns them off. Absolute. */
export function switchFile(cacheRoot: string): string {
  return path.join(cacheRoot, FILE);
}

/** Whether incremental builds are turned off. */
export function isTurnedOff(cacheRoot: string): boolean {
  return existsSync(switchFile(cacheRoot));
}

/** Turns them off, and returns the file whose removal turns them on again. */
export function turnOff(cacheRoot: string, why: string): string {
  const file = switchFile(cacheRoot);
  mkdirSync(cacheRoot, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${why}\n`, { mode: 0o600 });
  return file;
}
