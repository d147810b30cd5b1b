// Whose turn it is to write to a store, among the threads of this process: SQLite alone would let the losers sleep.
//
//   Int32Array, two words of the store's shared memory
//   ┌────────┬────────┐
//   │ holder │ hungry │    a thread is known by its id + 1; 0: nobody
//   └────────┴────────┘
//
// Nobody is woken when the turn comes free: a thread that runs takes it again and again, while the others look for a
// moment and then nap for longer and longer. Handing it over each time is a context switch, which costs more than a
// commit. Only who has waited for long is hungry, and then gets the turn before anybody else.
import { threadId } from 'node:worker_threads';
import { block } from './block.ts';
import { performance } from './time.ts';

const HOLDER = 0;
const HUNGRY = 1;

/** Words of shared memory that a turn takes. */
export const TURN_WORDS = 2;

const HUNGRY_MS = 20;
// Looks before a thread goes to sleep: about as long as a commit takes.
const LOOKS = 3000;
const FIRST_NAP_MS = 0.1;
const LONGEST_NAP_MS = 2;

export class Turn {
  readonly #words: Int32Array;
  readonly #me = threadId + 1;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * Takes the turn, waiting for at most so many milliseconds, in which the thread is blocked. False: it was not had.
   * Not for a thread that has it.
   */
  take(patience: number): boolean {
    return this.#tryTake() || (patience > 0 && this.#wait(patience));
  }

  /** Gives it back. */
  release(): void {
    Atomics.store(this.#words, HOLDER, 0);
    if (Atomics.load(this.#words, HUNGRY) !== 0) Atomics.notify(this.#words, HUNGRY);
  }

  /** Whether it is anybody's turn: somebody may have committed what is not yet in the versions. */
  get isTaken(): boolean {
    return Atomics.load(this.#words, HOLDER) !== 0;
  }

  /** Whether it is this thread's turn. */
  isOf(thread: number): boolean {
    return Atomics.load(this.#words, HOLDER) === thread + 1;
  }

  /** Takes from a thread that has ended what it had. */
  endOf(thread: number): void {
    const id = thread + 1;
    Atomics.compareExchange(this.#words, HUNGRY, id, 0);
    Atomics.compareExchange(this.#words, HOLDER, id, 0);
  }

  #tryTake(): boolean {
    const hungry = Atomics.load(this.#words, HUNGRY);
    if (hungry !== 0 && hungry !== this.#me) return false;
    return Atomics.compareExchange(this.#words, HOLDER, 0, this.#me) === 0;
  }

  #wait(patience: number): boolean {
    const since = performance.now();
    let isHungry = false;
    let nap = FIRST_NAP_MS;
    try {
      for (;;) {
        for (let looks = 0; looks < LOOKS; looks++) {
          if (Atomics.load(this.#words, HOLDER) === 0 && this.#tryTake()) return true;
        }
        const waited = performance.now() - since;
        if (waited >= patience) return false;
        isHungry ||= waited > HUNGRY_MS && Atomics.compareExchange(this.#words, HUNGRY, 0, this.#me) === 0;
        const limit = Math.min(nap, patience - waited);
        // Who is hungry is woken; the others only sleep.
        if (isHungry) Atomics.wait(this.#words, HUNGRY, this.#me, limit);
        else block(limit);
        nap = Math.min(2 * nap, LONGEST_NAP_MS);
      }
    } finally {
      if (isHungry) Atomics.compareExchange(this.#words, HUNGRY, this.#me, 0);
    }
  }
}
