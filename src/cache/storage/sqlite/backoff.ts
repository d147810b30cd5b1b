// Backoff: the delays between attempts to begin a transaction while another process has one.
//
//   met for the first time:        0.05, 0.1, 0.2, … 1, 1 ms: its transaction is over in no time
//   met again and again:    25 ms, 0.05, 0.1, 0.2, … 1, 1 ms: it may write for a while before it is our turn for a while
//
// A connection that finds another one's commit has to read its pages again: if two processes alternate after every few
// transactions, both take several times as long.
import { performance } from '../../../system/time.ts';

// SQLite itself would wait for whole milliseconds, in which another process completes dozens of transactions.
const FIRST_MS = 0.05;
const LONGEST_MS = 1;
const YIELD_MS = 25;
// After so many contentions, each within SOON_MS of the previous one, the others are taken to write all the time.
const OFTEN = 3;
const SOON_MS = 50;

export class Backoff {
  readonly #mayYield: boolean;
  #contentions = 0;
  #latest = Number.NEGATIVE_INFINITY;

  /** @param mayYield false for a thread that has other work than to wait */
  constructor(mayYield: boolean) {
    this.#mayYield = mayYield;
  }

  /** Delays in milliseconds, for as long as the contention lasts. It begins with this call. */
  *delays(): Generator<number, never> {
    const now = performance.now();
    this.#contentions = now - this.#latest <= SOON_MS ? this.#contentions + 1 : 1;
    this.#latest = now;
    if (this.#mayYield && this.#contentions >= OFTEN) yield YIELD_MS;
    for (let delay = FIRST_MS; ; delay = Math.min(2 * delay, LONGEST_MS)) yield delay;
  }
}
