// The log of a database (WAL): commits go there, and from there into the database when it has some thousand pages.
//
// It is written anew from its beginning only at a moment in which no reader uses what is in it. While many threads read all
// the time there may be none for long, and it grows; and whatever its size was once, the file keeps. So the thread that
// looks after the store empties it when it is too large.
import { type Stats, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

// Twice what usually is in it.
const MAX_BYTES = 32 * 1024 * 1024;
// Of the size limit. At rest the log of a small store is not to be larger than the store.
const MAX_SHARE = 1 / 16;
// How long writers are held up for readers that are in the midst of something.
const WAIT_MS = 20;

export class WalFile {
  readonly #database: Database;
  /** Bytes that it may have when it is not written to. */
  readonly maxBytesAtRest: number;
  #modified = 0;

  /** `limit`: the size limit of the store. */
  constructor(database: Database, limit: number) {
    this.#database = database;
    this.maxBytesAtRest = Math.min(MAX_BYTES, limit * MAX_SHARE);
  }

  /** Its bytes. */
  get size(): number {
    return this.#stat()?.size ?? 0;
  }

  /** Whether it is to be emptied. At rest is a log that has not been written to since this was asked for the last time. */
  get isTooLarge(): boolean {
    const file = this.#stat();
    if (!file) return false;
    const isAtRest = file.mtimeMs === this.#modified;
    this.#modified = file.mtimeMs;
    return file.size > (isAtRest ? this.maxBytesAtRest : MAX_BYTES);
  }

  #stat(): Stats | undefined {
    return statSync(`${this.#database.name}-wal`, { throwIfNoEntry: false });
  }

  /** Brings all of it into the database, and makes the file empty if no reader uses it. For the thread that holds the write lock. */
  empty(): void {
    this.#database.pragma(`busy_timeout = ${WAIT_MS}`);
    try {
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      this.#database.pragma('busy_timeout = 0');
    }
  }
}
