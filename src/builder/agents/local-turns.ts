// Turns of this machine's threads: the targets of a distributed build that are compiled here.
import type { Target } from '../matrix/target.ts';
import type { JobMessage } from './job.ts';
import type { Claim } from './job-claims.ts';

/** A job that this machine has claimed, and its directories, which other builds translate. */
export interface SharedClaim {
  claim: Claim;
  roots: NonNullable<JobMessage['roots']>;
}

/** One target to compile here. */
export interface LocalTurn {
  target: Target;
  shared?: SharedClaim;
  done: PromiseWithResolvers<void>;
}

/** Hands targets to the threads of this machine. */
export class LocalTurns {
  readonly #turns: LocalTurn[] = [];
  #changed = Promise.withResolvers<void>();
  #isOver = false;
  #isClaiming = false;
  /** Claims that are on their way to {@link push}. */
  expected = 0;

  /** Resolves when the target was compiled. */
  async push(turn: Omit<LocalTurn, 'done'>): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#turns.push({ ...turn, done });
    this.wake();
    await done.promise;
  }

  /** Something may be claimable now. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  end(): void {
    this.#isOver = true;
    this.wake();
  }

  /** The next target; undefined when there are no more. Calls `claim` while there is none. */
  async take(claim: () => Promise<boolean>): Promise<LocalTurn | undefined> {
    for (;;) {
      const turn = this.#turns.shift();
      if (turn !== undefined) return turn;
      if (this.#isOver) return undefined;
      const changed = this.#changed.promise;
      // Not waited for: a queue that is lost never answers, and what is compiled here anyway must go on.
      if (!this.#isClaiming && this.expected === 0) void this.#claim(claim);
      await changed;
    }
  }

  async #claim(claim: () => Promise<boolean>): Promise<void> {
    const changed = this.#changed.promise;
    this.#isClaiming = true;
    const isClaimed = await claim();
    this.#isClaiming = false;
    if (isClaimed) this.expected++;
    // Something has changed meanwhile, which another claim may find.
    else if (changed !== this.#changed.promise) this.wake();
  }
}
