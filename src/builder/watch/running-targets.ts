// Running targets of a watched build, and the last result of each target.
import type { Target } from '../matrix/target.ts';

/** A target that is being built. */
export class RunningTarget {
  readonly target: Target;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<void>();

  constructor(target: Target) {
    this.target = target;
  }

  /** Aborts when the target's build is no longer wanted. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves when the target's build has ended. */
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

/** A target's firmware in the output directory. */
export interface Built {
  target: Target;
  /** Its fingerprint; undefined if inputs changed during the build. */
  fingerprint: string | undefined;
  /** Absolute, in the output directory. */
  files: string[];
}

/** Allows one running build per target. */
export class RunningTargets {
  readonly #running = new Map<string, RunningTarget>();
  readonly #built = new Map<string, Built>();
  /** Targets for which a change came during the build, in files that they did not seem to read. */
  readonly #maybeStaleRuns = new Set<RunningTarget>();
  readonly #maybeStale = new Set<string>();

  /** The number of running targets. */
  get count(): number {
    return this.#running.size;
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** The last result, unless the last build failed. */
  builtOf(name: string): Built | undefined {
    return this.#built.get(name);
  }

  /** Starts targets, none of which may be running; by their artifact names. */
  begin(targets: readonly Target[]): ReadonlyMap<string, RunningTarget> {
    const started = new Map(targets.map(target => [target.artifactName, new RunningTarget(target)]));
    for (const [name, running] of started) this.#running.set(name, running);
    return started;
  }

  /** Stops the running targets for which `isObsolete` holds. Resolves to their number, once they have ended. */
  async stop(isObsolete: (running: RunningTarget) => Promise<boolean>): Promise<number> {
    const stopped: RunningTarget[] = [];
    for (const running of this.#running.values()) if (await isObsolete(running)) stopped.push(running);
    for (const running of stopped) running.stop();
    await Promise.all(stopped.map(running => running.ended));
    return stopped.length;
  }

  /** Records a change that the running targets may have read after all. */
  markMaybeStale(): void {
    for (const running of this.#running.values()) this.#maybeStaleRuns.add(running);
  }

  /** Records the result of a build: with `built` if it succeeded, with the fingerprint if that is known. */
  finish(name: string, built?: Omit<Built, 'target'>): void {
    const running = this.#running.get(name);
    if (!running) return;
    if (built) this.#built.set(name, { target: running.target, ...built });
    else this.#built.delete(name);
    this.end(running);
  }

  /** Ends a running target, if it has not ended yet. */
  end(running: RunningTarget): void {
    const name = running.target.artifactName;
    if (this.#running.get(name) === running) this.#running.delete(name);
    if (this.#maybeStaleRuns.delete(running)) this.#maybeStale.add(name);
    running.end();
  }

  /** The targets that may have been stale when they ended, since the last call. */
  takeMaybeStale(): string[] {
    const names = [...this.#maybeStale];
    this.#maybeStale.clear();
    return names;
  }

  /** Discards all results. */
  forget(): void {
    this.#built.clear();
  }
}
