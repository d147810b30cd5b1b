// Position up to which a process has followed the commits of other processes: the version counters reflect all changes
// until then. The threads share one position, so that a thread that reads for the first time starts where the others
// are, and no commit is followed twice.
//
// The two numbers are stored after the counters were bumped, and not in one step. A thread that finds one of them older
// than the other bumps some counters a second time, which only costs reads.
import { SEEN } from './layout.ts';

/** In the place of a run: nothing is followed, and any commit may have changed anything. */
export const NONE = 0;

const { run: RUN, position: POSITION } = SEEN;

export class SeenCommits {
  readonly #numbers: BigInt64Array;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#numbers = new BigInt64Array(memory, offset, SEEN.words);
  }

  /** `owner.run` of the database, or {@link NONE}. */
  get run(): number {
    return Number(Atomics.load(this.#numbers, RUN));
  }

  /** The position in the change log up to which it was followed. */
  get position(): bigint {
    return Atomics.load(this.#numbers, POSITION);
  }

  set position(position: bigint) {
    Atomics.store(this.#numbers, POSITION, position);
  }

  /** All commits until this run began were followed, and those of this run up to a position in the change log. */
  set(run: number, position: bigint): void {
    this.position = position;
    Atomics.store(this.#numbers, RUN, BigInt(run));
  }
}
