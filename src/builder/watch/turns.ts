// Which targets of a watched build are being built, and what came of the last time that each was.
import type { Target } from '../matrix/target.ts';

/** One target that is being built. */
export class Turn {
  readonly target: Target;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<void>();

  constructor(target: Target) {
    this.target = target;
  }

  /** Aborts when the turn is not wanted any more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves when the target is not being built any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  stop(): void {
    this.#stop.abort();
  }

  end(): void {
    this.#ended.resolve();
  }
}

/** What the output directory has of a target. */
export interface Built {
  target: Target;
  /** What it is known by; undefined when its inputs changed while it was built. */
  fingerprint: string | undefined;
  /** Absolute, in the output directory. */
  files: string[];
}

/** A target has one turn at a time. */
export class Turns {
  readonly #running = new Map<string, Turn>();
  readonly #built = new Map<string, Built>();
  /** Something changed while they were built which they did not seem to read. */
  readonly #doubted = new Set<Turn>();
  readonly #doubtful = new Set<string>();

  /** How many targets are being built. */
  get running(): number {
    return this.#running.size;
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** What was built last, unless the last time failed. */
  builtOf(name: string): Built | undefined {
    return this.#built.get(name);
  }

  /** Begins the turns of targets that have none; by their artifact names. */
  begin(targets: readonly Target[]): ReadonlyMap<string, Turn> {
    const turns = new Map(targets.map(target => [target.artifactName, new Turn(target)]));
    for (const [name, turn] of turns) this.#running.set(name, turn);
    return turns;
  }

  /** Stops the turns for which `isObsolete` holds. Resolves when they have ended, to how many they were. */
  async stop(isObsolete: (turn: Turn) => Promise<boolean>): Promise<number> {
    const stopped: Turn[] = [];
    for (const turn of this.#running.values()) if (await isObsolete(turn)) stopped.push(turn);
    for (const turn of stopped) turn.stop();
    await Promise.all(stopped.map(turn => turn.ended));
    return stopped.length;
  }

  /** Something changed that the running turns may have read after all. */
  doubt(): void {
    for (const turn of this.#running.values()) this.#doubted.add(turn);
  }

  /** A target was built, as `fingerprint` if that is known; or was not. */
  finish(name: string, built?: Omit<Built, 'target'>): void {
    const turn = this.#running.get(name);
    if (!turn) return;
    if (built) this.#built.set(name, { target: turn.target, ...built });
    else this.#built.delete(name);
    this.end(turn);
  }

  /** A turn is over, if it was not yet. */
  end(turn: Turn): void {
    const name = turn.target.artifactName;
    if (this.#running.get(name) === turn) this.#running.delete(name);
    if (this.#doubted.delete(turn)) this.#doubtful.add(name);
    turn.end();
  }

  /** The targets whose turns ended in doubt since the last call. */
  takeDoubtful(): string[] {
    const names = [...this.#doubtful];
    this.#doubtful.clear();
    return names;
  }

  /** Nothing that was built counts any more. */
  forget(): void {
    this.#built.clear();
  }
}
