// Up to where a process has followed the commits of other processes: what they changed until then is out of date in the
// version counters. One position for all threads, so that a thread that reads for the first time begins where the others
// are, and what one of them has followed no other follows again.
//
// The two numbers are stored after the counters were bumped, and not in one step. A thread that finds one of them older
// than the other bumps again what was bumped already, which only costs reads.

/** In the place of a run: nothing is followed, and whatever was committed may have changed anything. */
export const NONE = 0;

const RUN = 0;
const SEQUENCE = 1;

export class SeenCommits {
  readonly #numbers: BigInt64Array;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#numbers = new BigInt64Array(memory, offset, 2);
  }

  /** `owner.run` of the database, or {@link NONE}. */
  get run(): number {
    return Number(Atomics.load(this.#numbers, RUN));
  }

  /** The last row of `changes` that was followed. */
  get sequence(): number {
    return Number(Atomics.load(this.#numbers, SEQUENCE));
  }

  set sequence(sequence: number) {
    Atomics.store(this.#numbers, SEQUENCE, BigInt(sequence));
  }

  /** All that was committed until this run began was followed, and in this run all up to a row of `changes`. */
  set(run: number, sequence: number): void {
    this.sequence = sequence;
    Atomics.store(this.#numbers, RUN, BigInt(run));
  }
}
