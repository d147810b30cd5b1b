// Write-ahead log (WAL) of a database: commits go there, and from there into the database once there are some thousand
// pages.
//
// A checkpoint flushes the log before it copies pages, and spends most of its time waiting for the disk. So one of
// libuv's threads flushes the log repeatedly in the background, and the checkpoint finds little left.
//
// SQLite rewrites the log from its beginning only at a moment when no reader uses it. While many threads read all the
// time such a moment may be rare, and the log grows. The file also keeps the largest size that it ever had. So the
// thread that maintains the store empties the log when it is too large.
import { closeSync, fdatasync, openSync, type Stats, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { CHECKPOINTER, LOG } from '../../shared/layout.ts';
import { setRelieved } from './connection.ts';

// Four times its usual size.
const MAX_BYTES = 32 * 1024 * 1024;
// Share of the size limit. At rest the log of a small store must not be larger than the store.
const MAX_SHARE = 1 / 16;
// Time that writers are held up for active readers.
const WAIT_MS = 20;

// Pages of the log after which it is flushed in the background. A disk that cannot keep up leaves the rest to the
// checkpoint, so that never more than a few flushes are under way.
const FLUSH_PAGES = 500;
const FLUSHES_PER_CHECKPOINT = 8;

export class WalFile {
  readonly #database: Database;
  readonly #words: Int32Array;
  #isRelieved = false;
  #flushes = 0;
  #flushesBefore: number;
  #isClosed = false;
  // Opened by the first flush. SQLite's locks are on other files, so that closing it drops none.
  #descriptor: number | undefined;
  /** Bytes that it may have when it is not written to. */
  readonly maxBytesAtRest: number;
  #modified = 0;

  /**
   * @param limit the size limit of the store
   * @param words see `LOG` in layout.ts
   */
  constructor(database: Database, limit: number, words: Int32Array) {
    this.#database = database;
    this.#words = words;
    this.#flushesBefore = words[LOG.flushes]!;
    this.maxBytesAtRest = Math.min(MAX_BYTES, limit * MAX_SHARE);
  }

  /** Its size in bytes. */
  get size(): number {
    return this.#stat()?.size ?? 0;
  }

  /** Whether the log has to be emptied. It counts as at rest when it was not written to since the previous call. */
  get isTooLarge(): boolean {
    const file = this.#stat();
    if (!file) return false;
    const isAtRest = file.mtimeMs === this.#modified;
    this.#modified = file.mtimeMs;
    return file.size > (isAtRest ? this.maxBytesAtRest : MAX_BYTES);
  }

  /** Counts so many pages as written. For the thread that holds the write lock. */
  wrote(pages: number): void {
    const words = this.#words;
    const unflushed = words[LOG.unflushed]! + pages;
    words[LOG.unflushed] = unflushed < FLUSH_PAGES ? unflushed : 0;
    if (unflushed < FLUSH_PAGES) return;
    this.#flush();
    words[LOG.flushes]!++;
    const isRelieved = Atomics.load(words, LOG.checkpointer) === CHECKPOINTER.running;
    if (isRelieved !== this.#isRelieved) setRelieved(this.#database, isRelieved);
    this.#isRelieved = isRelieved;
    if (!isRelieved || words[LOG.flushes]! % FLUSHES_PER_CHECKPOINT !== 0) return;
    Atomics.store(words, LOG.requested, 1);
    Atomics.notify(words, LOG.requested);
  }

  /** Whether so much was written since the previous call that a checkpointer is of use. */
  get isBusy(): boolean {
    const flushes = this.#words[LOG.flushes]!;
    const isBusy = flushes - this.#flushesBefore >= FLUSHES_PER_CHECKPOINT;
    this.#flushesBefore = flushes;
    return isBusy;
  }

  #flush(): void {
    try {
      this.#descriptor ??= openSync(`${this.#database.name}-wal`, 'r');
    } catch {
      return;
    }
    this.#flushes++;
    // A failure does not matter: a checkpoint flushes the unflushed pages.
    fdatasync(this.#descriptor, () => {
      this.#flushes--;
      if (this.#isClosed) this.close();
    });
  }

  close(): void {
    this.#isClosed = true;
    // Not during a flush: another file might have its number by then.
    if (this.#descriptor === undefined || this.#flushes > 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #stat(): Stats | undefined {
    return statSync(`${this.#database.name}-wal`, { throwIfNoEntry: false });
  }

  /**
   * Copies all of the log into the database, and empties the file if no reader uses it. For the thread that holds the
   * write lock.
   */
  empty(): void {
    this.#database.pragma(`busy_timeout = ${WAIT_MS}`);
    try {
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      this.#database.pragma('busy_timeout = 0');
    }
  }
}
