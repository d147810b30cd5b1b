// How long to sleep before another try to begin a transaction, when another process has one.
//
//   met for the first time:        0.05, 0.1, 0.2, … 1, 1 ms: its transaction is over in no time
//   met again and again:     4 ms, 0.05, 0.1, 0.2, … 1, 1 ms: it may write for a while before it is our turn for a while
//
// A connection that finds another one's commit has to read its pages again: to take turns after every few transactions
// takes both processes several times as long.
import { performance } from '../../../system/time.ts';

// SQLite itself would wait for whole milliseconds, of which others make dozens of transactions.
const FIRST_MS = 0.05;
const LONGEST_MS = 1;
const LEAVE_MS = 4;
// Others write all the time when they were met so often, each time not longer after the last.
const OFTEN = 3;
const SOON_MS = 50;

export class Naps {
  readonly #mayLeave: boolean;
  #meetings = 0;
  #latest = Number.NEGATIVE_INFINITY;

  /** @param mayLeave false for a thread that has other things to do than to wait */
  constructor(mayLeave: boolean) {
    this.#mayLeave = mayLeave;
  }

  /** Milliseconds to sleep, for as long as others are in the way, which they are from now on. */
  *take(): Generator<number, never> {
    const now = performance.now();
    this.#meetings = now - this.#latest <= SOON_MS ? this.#meetings + 1 : 1;
    this.#latest = now;
    if (this.#mayLeave && this.#meetings >= OFTEN) yield LEAVE_MS;
    for (let nap = FIRST_MS; ; nap = Math.min(2 * nap, LONGEST_MS)) yield nap;
  }
}
