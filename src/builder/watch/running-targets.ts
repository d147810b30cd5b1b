// Which targets of a watched build are being built, and what came of the last time that each was.
import type { Target } from '../matrix/target.ts';

/** One target that is being built. */
export class RunningTarget {
  readonly target: Target;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<void>();

  constructor(target: Target) {
    this.target = target;
  }

  /** Aborts when the target's build is not wanted any more. */
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

/** A target has one build running at a time. */
export class RunningTargets {
  readonly #running = new Map<string, RunningTarget>();
  readonly #built = new Map<string, Built>();
  /** Something changed while they were built which they did not seem to read. */
  readonly #maybeStaleRuns = new Set<RunningTarget>();
  readonly #maybeStale = new Set<string>();

  /** How many targets are being built. */
  get count(): number {
    return this.#running.size;
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** What was built last, unless the last time failed. */
  builtOf(name: string): Built | undefined {
    return this.#built.get(name);
  }

  /** Begins targets of which none is running; by their artifact names. */
  begin(targets: readonly Target[]): ReadonlyMap<string, RunningTarget> {
    const started = new Map(targets.map(target => [target.artifactName, new RunningTarget(target)]));
    for (const [name, running] of started) this.#running.set(name, running);
    return started;
  }

  /** Stops the running targets for which `isObsolete` holds. Resolves when they have ended, to how many they were. */
  async stop(isObsolete: (running: RunningTarget) => Promise<boolean>): Promise<number> {
    const stopped: RunningTarget[] = [];
    for (const running of this.#running.values()) if (await isObsolete(running)) stopped.push(running);
    for (const running of stopped) running.stop();
    await Promise.all(stopped.map(running => running.ended));
    return stopped.length;
  }

  /** Something changed that the running targets may have read after all. */
  markMaybeStale(): void {
    for (const running of this.#running.values()) this.#maybeStaleRuns.add(running);
  }

  /** A target was built, as `fingerprint` if that is known; or was not. */
  finish(name: string, built?: Omit<Built, 'target'>): void {
    const running = this.#running.get(name);
    if (!running) return;
    if (built) this.#built.set(name, { target: running.target, ...built });
    else this.#built.delete(name);
    this.end(running);
  }

  /** A running target is done, if it was not yet. */
  end(running: RunningTarget): void {
    const name = running.target.artifactName;
    if (this.#running.get(name) === running) this.#running.delete(name);
    if (this.#maybeStaleRuns.delete(running)) this.#maybeStale.add(name);
    running.end();
  }

  /** The targets that may have been stale when they were done, since the last call. */
  takeMaybeStale(): string[] {
    const names = [...this.#maybeStale];
    this.#maybeStale.clear();
    return names;
  }

  /** Nothing that was built counts any more. */
  forget(): void {
    this.#built.clear();
  }
}
