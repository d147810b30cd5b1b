// A little space beside a database, given up when it cannot be opened for want of room: SQLite makes the index of the
// log (`-shm`) anew for whoever opens a database first, also for one who only wants to read. (To open it as immutable,
// without log and index, would do for one process at a time, and better-sqlite3 has no way to ask for that.)
import { randomFillSync } from 'node:crypto';
import { lstatSync, rmSync, writeFileSync } from 'node:fs';

// The index of a log takes 32 KiB for each 4096 pages.
const RESERVE_BYTES = 64 * 1024;

function reserveOf(database: string): string {
  return `${database}-reserve`;
}

/** Makes the reserve of a database, if there is none and there is room for it. */
export function keepReserve(database: string): void {
  const file = reserveOf(database);
  try {
    if (lstatSync(file, { throwIfNoEntry: false })) return;
    // Random, so that a file system that compresses gives it all its space.
    writeFileSync(file, randomFillSync(Buffer.alloc(RESERVE_BYTES)), { flag: 'wx', mode: 0o600 });
  } catch {
    releaseReserve(database);
  }
}

/** Gives the space of the reserve back. False when there was none. */
export function releaseReserve(database: string): boolean {
  const file = reserveOf(database);
  try {
    if (!lstatSync(file, { throwIfNoEntry: false })?.isFile()) return false;
    rmSync(file);
    return true;
  } catch {
    return false;
  }
}
