// Who leads the threads of this process that write: whoever commits again and again. The others leave their writes to
// it, because a connection that finds another one's commit has to read its pages again.
//
//   Int32Array, three words of the store's shared memory
//   ┌────────┬────────┬────────┐
//   │ leader │ streak │ latest │   a thread's id + 1; its commits in a row; when the latest was, in milliseconds
//   └────────┴────────┴────────┘
import { threadId } from 'node:worker_threads';
import { wallClock } from './time.ts';

const LEADER = 0;
const STREAK = 1;
const LATEST = 2;

/** Words of shared memory that a lead takes. */
export const LEAD_WORDS = 3;

// A thread leads when it has committed so often in a row, each time not longer after the last.
const LONG_STREAK = 3;
const SOON_MS = 2;

export class Lead {
  readonly #words: Int32Array;
  readonly #me: number;

  /** @param thread the id of the thread that uses it. Default: this one */
  constructor(words: Int32Array, thread = threadId) {
    this.#words = words;
    this.#me = thread + 1;
  }

  /** Whether another thread commits all the time: it will soon do so again, and take along what is posted. */
  get isAnothers(): boolean {
    return (
      Atomics.load(this.#words, STREAK) >= LONG_STREAK &&
      Atomics.load(this.#words, LEADER) !== this.#me &&
      this.#sinceLatest() <= SOON_MS
    );
  }

  /** Says that this thread has committed something of its own. True: it leads, and others rely on it. */
  committed(): boolean {
    const isNext = Atomics.load(this.#words, LEADER) === this.#me && this.#sinceLatest() <= SOON_MS;
    const streak = isNext ? Math.min(Atomics.load(this.#words, STREAK) + 1, LONG_STREAK) : 1;
    Atomics.store(this.#words, LEADER, this.#me);
    Atomics.store(this.#words, STREAK, streak);
    Atomics.store(this.#words, LATEST, wallClock.now() | 0);
    return streak >= LONG_STREAK;
  }

  // A clock that was set back makes it very long.
  #sinceLatest(): number {
    return ((wallClock.now() | 0) - Atomics.load(this.#words, LATEST)) >>> 0;
  }
}
