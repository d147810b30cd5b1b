// Held snapshot: the read transaction of a connection, kept open from one plain write to the next.
//
//   write ─► write ─► hold ─► write ─► write ─► … ─► release
//                               no other connection may have committed since, or SQLite refuses the write
//
// Four of the six locks that a statement takes and releases are those of its read transaction: 3 of 12 µs. A thread
// that writes again and again keeps it. SQLite compares the snapshot with the latest commit at the beginning of each
// write, so that a held one is never written over; reads have no such check, and release it.
//
// While it is held, no checkpoint gets beyond it and the log is not rewritten from its beginning. So it ends after some
// writes, before the thread waits for the lock, and in the next turn of the event loop.
import type { Database } from 'better-sqlite3';
import { performance, setImmediate } from '../../../system/time.ts';

// Writes that come as soon as this after one another are likely to be followed by more.
const SOON_MS = 0.1;
const MOST_WRITES = 64;

export class HeldSnapshot {
  readonly #any: { iterate(): IterableIterator<unknown> };
  readonly #releaseLater = () => {
    this.#isScheduled = false;
    this.release();
  };
  #read: IterableIterator<unknown> | undefined;
  #writes = 0;
  #latest = Number.NEGATIVE_INFINITY;
  #isScheduled = false;

  constructor(database: Database) {
    // Allows statements while another one is being stepped through.
    database.unsafeMode(true);
    this.#any = database.prepare('SELECT id FROM owner');
  }

  /** Called after a write that needs nothing but the latest state of the database. */
  written(): void {
    if (this.#read !== undefined) {
      if (++this.#writes >= MOST_WRITES) this.release();
      return;
    }
    const now = performance.now();
    if (now - this.#latest <= SOON_MS) this.#hold();
    this.#latest = now;
  }

  /** Called before everything else. Returns whether it was held. */
  release(): boolean {
    this.#latest = Number.NEGATIVE_INFINITY;
    if (this.#read === undefined) return false;
    this.#read.return!();
    this.#read = undefined;
    return true;
  }

  #hold(): void {
    const read = this.#any.iterate();
    try {
      read.next();
    } catch {
      // The write is committed. What is wrong shows in the next one.
      return;
    }
    this.#read = read;
    this.#writes = 0;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#releaseLater);
  }
}
