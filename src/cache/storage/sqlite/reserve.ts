// Disk space reserve beside a database, released when the database cannot be opened on a full disk: SQLite creates the
// index of the log (`-shm`) anew for the first process that opens a database, even for reading. (Opening it as
// immutable, without log and index, would work for one process at a time, and better-sqlite3 cannot do that.)
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
    // Random, so that a compressing file system allocates all of it.
    writeFileSync(file, randomFillSync(Buffer.alloc(RESERVE_BYTES)), { flag: 'wx', mode: 0o600 });
  } catch {
    releaseReserve(database);
  }
}

/** Releases the reserve. False when there was none. */
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
