// Schedule of targets that can take objects from one another. Targets of one board compile mostly the same objects, and
// those that begin together would all miss them in ccache. So the first one goes ahead, with all cores, while the next ones
// configure; then the others compile what is left, all at once.
import type { Target } from '../matrix/target.ts';

export interface ScheduleOptions {
  /** Processes that all compilers together should run at once. */
  cores: number;
  /** Targets that compile at once. */
  threads: number;
  /** All targets to compile. */
  targets: readonly Target[];
}

/** Targets of one board. */
interface Family {
  /** The target that goes ahead; undefined while none does. */
  leader: string | undefined;
  /** Whether one has compiled its objects. */
  isReady: boolean;
  waiting: Map<string, () => void>;
}

export class FamilySchedule {
  readonly #cores: number;
  readonly #threads: number;
  readonly #left: Set<string>;
  readonly #families = new Map<string, Family>();
  readonly #leaders = new Set<string>();

  constructor({ cores, threads, targets }: ScheduleOptions) {
    this.#cores = cores;
    this.#threads = threads;
    this.#left = new Set(targets.map(({ artifactName }) => artifactName));
  }

  /**
   * Resolves when it is the target's turn to compile its objects, to how many processes it may run then; soon, too, when
   * `signal` aborts.
   *
   * @param onWait called with the target that goes ahead
   */
  async enter(
    { artifactName, board }: Target,
    onWait: (leader: string) => void,
    signal?: AbortSignal,
  ): Promise<number> {
    const family = this.#familyOf(board);
    while (!family.isReady && family.leader !== undefined && !signal?.aborted) {
      const turn = Promise.withResolvers<void>();
      onWait(family.leader);
      family.waiting.set(artifactName, turn.resolve);
      signal?.addEventListener('abort', () => turn.resolve(), { once: true });
      await turn.promise;
      family.waiting.delete(artifactName);
    }
    if (family.isReady || signal?.aborted) {
      return Math.max(1, Math.floor(this.#cores / Math.max(1, Math.min(this.#threads, this.#left.size))));
    }
    family.leader = artifactName;
    this.#leaders.add(artifactName);
    return Math.max(1, Math.floor(this.#cores / this.#leaders.size));
  }

  /**
   * A target is compiled, or has failed; it need not have entered.
   *
   * @param isCompiled whether others can take its objects
   */
  leave({ artifactName, board }: Target, isCompiled: boolean): void {
    this.#left.delete(artifactName);
    this.#leaders.delete(artifactName);
    const family = this.#familyOf(board);
    if (family.leader !== artifactName) return;
    family.leader = undefined;
    family.isReady = isCompiled;
    for (const resolve of family.waiting.values()) resolve();
  }

  #familyOf(board: string): Family {
    const known = this.#families.get(board);
    if (known !== undefined) return known;
    const family: Family = { leader: undefined, isReady: false, waiting: new Map() };
    this.#families.set(board, family);
    return family;
  }
}
