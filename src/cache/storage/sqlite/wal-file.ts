// The log of a database (WAL): commits go there, and from there into the database when it has some thousand pages.
//
// A checkpoint flushes the log before it copies pages, and most of its time waits for the disk. So the log is flushed
// again and again in the background, by one of libuv's threads, and the checkpoint finds little left.
//
// It is written anew from its beginning only at a moment in which no reader uses what is in it. While many threads read all
// the time there may be none for long, and it grows; and whatever its size was once, the file keeps. So the thread that
// looks after the store empties it when it is too large.
import { closeSync, fdatasync, openSync, type Stats, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

// Twice what usually is in it.
const MAX_BYTES = 32 * 1024 * 1024;
// Of the size limit. At rest the log of a small store is not to be larger than the store.
const MAX_SHARE = 1 / 16;
// How long writers are held up for readers that are in the midst of something.
const WAIT_MS = 20;

// Pages of the log after which it is flushed in the background. What the disk does not keep up with waits for the
// checkpoint, so that never more than a few flushes are under way.
const FLUSH_PAGES = 500;

export class WalFile {
  readonly #database: Database;
  readonly #unflushed: Int32Array;
  #flushes = 0;
  #isClosed = false;
  // Opened by the first flush. SQLite's locks are on other files, so that closing it gives up none.
  #descriptor: number | undefined;
  /** Bytes that it may have when it is not written to. */
  readonly maxBytesAtRest: number;
  #modified = 0;

  /** `limit`: the size limit of the store. `unflushed`: the number of pages that its threads have not flushed. */
  constructor(database: Database, limit: number, unflushed: Int32Array) {
    this.#database = database;
    this.#unflushed = unflushed;
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

  /** So many pages were written. For the thread that holds the write lock. */
  wrote(pages: number): void {
    const unflushed = this.#unflushed[0]! + pages;
    this.#unflushed[0] = unflushed < FLUSH_PAGES ? unflushed : 0;
    if (unflushed >= FLUSH_PAGES) this.#flush();
  }

  #flush(): void {
    try {
      this.#descriptor ??= openSync(`${this.#database.name}-wal`, 'r');
    } catch {
      return;
    }
    this.#flushes++;
    // Whether it succeeds is no matter: a checkpoint flushes what is not flushed.
    fdatasync(this.#descriptor, () => {
      this.#flushes--;
      if (this.#isClosed) this.close();
    });
  }

  close(): void {
    this.#isClosed = true;
    // Not under a flush: another file might have its number by then.
    if (this.#descriptor === undefined || this.#flushes > 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
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
