// How long to sleep before another try to begin a transaction, when another process has one.
//
//   met for the first time:        0.05, 0.1, 0.2, … 1, 1 ms: its transaction is over in no time
//   met again and again:    25 ms, 0.05, 0.1, 0.2, … 1, 1 ms: it may write for a while before it is our turn for a while
//
// A connection that finds another one's commit has to read its pages again: to take turns after every few transactions
// takes both processes several times as long.
import { performance } from '../../../system/time.ts';

// SQLite itself would wait for whole milliseconds, of which others make dozens of transactions.
const FIRST_MS = 0.05;
const LONGEST_MS = 1;
const YIELD_MS = 25;
// Others write all the time when they were met so often, each time not longer after the last.
const OFTEN = 3;
const SOON_MS = 50;

export class Backoff {
  readonly #mayYield: boolean;
  #contentions = 0;
  #latest = Number.NEGATIVE_INFINITY;

  /** @param mayYield false for a thread that has other things to do than to wait */
  constructor(mayYield: boolean) {
    this.#mayYield = mayYield;
  }

  /** Milliseconds to sleep, for as long as others are in the way, which they are from now on. */
  *delays(): Generator<number, never> {
    const now = performance.now();
    this.#contentions = now - this.#latest <= SOON_MS ? this.#contentions + 1 : 1;
    this.#latest = now;
    if (this.#mayYield && this.#contentions >= OFTEN) yield YIELD_MS;
    for (let delay = FIRST_MS; ; delay = Math.min(2 * delay, LONGEST_MS)) yield delay;
  }
}
