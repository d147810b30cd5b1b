// Write lock between the threads of a process that write one store: SQLite alone would let the losers sleep.
//
// The lock is in one of two modes, as Go's `sync.Mutex`.
//
// Normal mode: releasing wakes no thread, and the running thread may acquire again at once (barging). A connection that
// finds another one's commit has to read its pages again, and waking a thread costs more than a commit. So a thread
// that acquired the lock after another one owns a time slice. While it acquires the lock again and again, each time
// within FREE_MS, the others do not compete with it, but sleep: they take a lock that stays free. From an owner that does
// other things in between they take it as soon as it is free, and spin for the time of a few commits.
//
// Starvation mode: a waiter that has waited for STARVATION_MS is starving. It draws a ticket, and the head of that
// queue gets the lock next, once the owner's slice is over. The owner goes on barging until the head, which it wakes,
// is really running: a lock handed to a sleeping thread cannot be used by any other. So a waiter waits for at most
// STARVATION_MS and the slices of those that were starving before it, as long as the threads get a processor.
import { threadId } from 'node:worker_threads';
import { sleepSync } from '../../system/sleep-sync.ts';
import { performance, wallClock } from '../../system/time.ts';
import { LOCK } from './layout.ts';

const {
  holder: HOLDER,
  owner: OWNER,
  since: SINCE,
  head: HEAD,
  tail: TAIL,
  awake: AWAKE,
  queue: QUEUE,
  places: PLACES,
  released: RELEASED,
  streak: STREAK,
} = LOCK;

const STARVATION_MS = 10;
const SLICE_MS = 5;
// As long as a few commits take.
const SPIN_MS = 0.1;
// Longer than a thread that does nothing but write takes from one commit to the next.
const FREE_MS = 0.02;
// Acquisitions in a row, each within that time, after which the owner is left alone.
const LONG_STREAK = 2;
const SPINS_PER_CLOCK = 100;
const FIRST_DELAY_MS = 1;
const LAST_DELAY_MS = 4;
// Spinning time of the head. For as long an owner whose slice is over leaves the lock to it.
const HEAD_SPIN_MS = 0.2;

export class WriteLock {
  readonly #words: Int32Array;
  readonly #self: number;

  /** @param thread the id of the thread that uses it. Default: this one */
  constructor(words: Int32Array, thread = threadId) {
    this.#words = words;
    this.#self = thread + 1;
  }

  /**
   * Acquires the lock, and blocks the thread for at most so many milliseconds. False: the lock was not acquired. Must
   * not be called by a thread that holds it.
   */
  acquire(timeoutMs: number): boolean {
    return this.#tryAcquire() || (timeoutMs > 0 && this.#wait(timeoutMs));
  }

  release(): void {
    const words = this.#words;
    Atomics.store(words, RELEASED, microseconds());
    Atomics.store(words, HOLDER, 0);
    const head = Atomics.load(words, HEAD);
    if (head === Atomics.load(words, TAIL) || Atomics.load(words, AWAKE) !== 0 || !this.#isSliceOver())
      return;
    Atomics.notify(words, placeOf(head));
  }

  /** Whether any thread holds it: that thread may have committed changes that the versions do not show yet. */
  get isHeld(): boolean {
    return Atomics.load(this.#words, HOLDER) !== 0;
  }

  /** Whether no other thread has held it since this one did. */
  get isOwner(): boolean {
    return Atomics.load(this.#words, OWNER) === this.#self;
  }

  isHeldBy(thread: number): boolean {
    return Atomics.load(this.#words, HOLDER) === thread + 1;
  }

  /** Releases everything that a thread held which has ended. */
  releaseDead(thread: number): void {
    const id = thread + 1;
    for (let place = QUEUE; place < QUEUE + PLACES; place++) {
      if (Atomics.compareExchange(this.#words, place, id, 0) === id) this.#serveNext();
    }
    Atomics.compareExchange(this.#words, AWAKE, id, 0);
    Atomics.compareExchange(this.#words, HOLDER, id, 0);
  }

  #tryAcquire(): boolean {
    const words = this.#words;
    if (this.#isOwnerBusy) return false;
    // Once the head runs, it alone may acquire the lock. While it still sleeps, others may: the lock would be idle
    // otherwise.
    if (Atomics.load(words, AWAKE) !== 0 && this.#isSliceOver()) return false;
    if (Atomics.compareExchange(words, HOLDER, 0, this.#self) !== 0) return false;
    this.#beginSlice();
    return true;
  }

  // Whether another thread writes again and again in its slice.
  get #isOwnerBusy(): boolean {
    const words = this.#words;
    if (Atomics.load(words, STREAK) < LONG_STREAK || this.isOwner || this.#isSliceOver()) return false;
    return Atomics.load(words, HOLDER) !== 0 || this.#isJustReleased;
  }

  get #isJustReleased(): boolean {
    return (microseconds() - Atomics.load(this.#words, RELEASED)) >>> 0 < 1000 * FREE_MS;
  }

  #beginSlice(): void {
    const words = this.#words;
    if (this.isOwner) {
      Atomics.store(words, STREAK, this.#isJustReleased ? Atomics.load(words, STREAK) + 1 : 0);
      return;
    }
    Atomics.store(words, OWNER, this.#self);
    Atomics.store(words, SINCE, wallClock.now() | 0);
    Atomics.store(words, STREAK, 0);
  }

  // A clock that was set back ends the slice.
  #isSliceOver(): boolean {
    return ((wallClock.now() | 0) - Atomics.load(this.#words, SINCE)) >>> 0 >= SLICE_MS;
  }

  #wait(timeoutMs: number): boolean {
    const since = performance.now();
    if (this.#spin(this.#isOwnerBusy ? 0 : Math.min(SPIN_MS, timeoutMs))) return true;
    let ticket: number | undefined;
    let delay = FIRST_DELAY_MS;
    try {
      for (;;) {
        const waited = performance.now() - since;
        if (waited >= timeoutMs) return false;
        if (ticket === undefined && waited >= STARVATION_MS) ticket = this.#enqueue();
        const limit = Math.min(delay, timeoutMs - waited);
        if (ticket === undefined) sleepSync(limit);
        else Atomics.wait(this.#words, placeOf(ticket), this.#self, limit);
        if (ticket === undefined ? this.#spin(0) : this.#acquireAsHead(ticket)) return true;
        delay = Math.min(2 * delay, LAST_DELAY_MS);
      }
    } finally {
      if (ticket !== undefined) this.#dequeue(ticket);
    }
  }

  #spin(milliseconds: number): boolean {
    const until = performance.now() + milliseconds;
    do {
      for (let spins = 0; spins < SPINS_PER_CLOCK; spins++) {
        if (Atomics.load(this.#words, HOLDER) === 0 && this.#tryAcquire()) return true;
      }
    } while (performance.now() < until);
    return false;
  }

  #acquireAsHead(ticket: number): boolean {
    const words = this.#words;
    if (Atomics.load(words, HEAD) !== ticket) return false;
    if (!this.#isSliceOver()) return this.#spin(0);
    Atomics.store(words, AWAKE, this.#self);
    try {
      const until = performance.now() + HEAD_SPIN_MS;
      do {
        for (let spins = 0; spins < SPINS_PER_CLOCK; spins++) {
          // Only a load leaves the word in the cache of the owner's processor.
          if (Atomics.load(words, HOLDER) !== 0) continue;
          if (Atomics.compareExchange(words, HOLDER, 0, this.#self) !== 0) continue;
          this.#beginSlice();
          // It has waited for long enough: the thread before it must not take the lock back at once.
          Atomics.store(words, STREAK, LONG_STREAK);
          return true;
        }
      } while (performance.now() < until);
      return false;
    } finally {
      Atomics.store(words, AWAKE, 0);
    }
  }

  // Undefined when the queue is full: then the waiter goes on as one that is not starving.
  #enqueue(): number | undefined {
    const words = this.#words;
    for (;;) {
      const tail = Atomics.load(words, TAIL);
      if ((tail - Atomics.load(words, HEAD)) >>> 0 >= PLACES) return undefined;
      // The place is claimed before the ticket is drawn: a ticket without a thread would be passed over.
      if (Atomics.compareExchange(words, placeOf(tail), 0, this.#self) !== 0) return undefined;
      if (Atomics.compareExchange(words, TAIL, tail, (tail + 1) | 0) === tail) return tail;
      Atomics.compareExchange(words, placeOf(tail), this.#self, 0);
    }
  }

  #dequeue(ticket: number): void {
    Atomics.compareExchange(this.#words, placeOf(ticket), this.#self, 0);
    this.#serveNext();
  }

  // Passes over waiters that gave up or have ended.
  #serveNext(): void {
    const words = this.#words;
    for (;;) {
      const head = Atomics.load(words, HEAD);
      if (head === Atomics.load(words, TAIL) || Atomics.load(words, placeOf(head)) !== 0) return;
      Atomics.compareExchange(words, HEAD, head, (head + 1) | 0);
    }
  }
}

// Of a clock that all threads share.
function microseconds(): number {
  return (1000 * (performance.timeOrigin + performance.now())) | 0;
}

function placeOf(ticket: number): number {
  return QUEUE + (ticket & (PLACES - 1));
}
