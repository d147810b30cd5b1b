// Wakeups of a watched build: what has happened since it last looked at its targets.

export type Wakeup = 'saved' | 'ended' | 'aborted';

export class Wakeups {
  readonly #reasons = new Set<Wakeup>();
  #any = Promise.withResolvers<void>();

  /** Records a reason to look. */
  add(reason: Wakeup): void {
    this.#reasons.add(reason);
    this.#any.resolve();
  }

  /** Resolves when there is a reason. */
  wait(): Promise<void> {
    return this.#any.promise;
  }

  /** The reasons since the last call. */
  take(): ReadonlySet<Wakeup> {
    const reasons = new Set(this.#reasons);
    this.#reasons.clear();
    this.#any = Promise.withResolvers();
    return reasons;
  }
}
