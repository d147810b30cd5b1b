// Use count of a cache: a cache that is closed still finishes the operations that began before.

// An abandoned iteration is over when its iterator has been garbage-collected.
const unreachable = new FinalizationRegistry<Hold>(hold => hold.end());

export class UseCount {
  #operations = 0;
  #holds = 0;
  #waiting: (() => void)[] = [];
  #end: (() => void) | undefined;

  /** Counts an operation, which {@link settled} waits for. */
  async operation<T>(operation: Promise<T>): Promise<T> {
    this.begin();
    try {
      return await operation;
    } finally {
      this.end();
    }
  }

  /** The beginning of an operation, for callers that count it themselves. */
  begin(): void {
    this.#operations++;
  }

  /** The end of an operation that was begun. */
  end(): void {
    if (--this.#operations > 0) return;
    if (this.#waiting.length > 0) for (const done of this.#waiting.splice(0)) done();
    this.#endIfUnused();
  }

  /** Counts work that may take for ever, or may itself close the cache: only the end waits for it. */
  async long<T>(work: Promise<T>): Promise<T> {
    const hold = this.hold();
    hold.begin();
    try {
      return await work;
    } finally {
      hold.end();
    }
  }

  /** A use that counts from its beginning to its end. */
  hold(): Hold {
    return new Hold(change => {
      this.#holds += change;
      this.#endIfUnused();
    });
  }

  /** Resolves when the operations that are under way are done. */
  settled(): Promise<void> {
    if (this.#operations === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.push(done));
  }

  /** Calls `end` once nothing is counted any more. Resolves when it is done, or at once when that will take longer. */
  async whenUnused(end: () => Promise<void> | undefined): Promise<void> {
    if (this.#operations + this.#holds === 0) return end();
    this.#end = () => {
      // No caller waits for the end. The client reports its own failures.
      end()?.catch(() => undefined);
    };
  }

  #endIfUnused(): void {
    if (this.#operations + this.#holds > 0) return;
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}

export class Hold {
  readonly #count: (change: 1 | -1) => void;
  #state: 'before' | 'held' | 'over' = 'before';

  constructor(count: (change: 1 | -1) => void) {
    this.#count = count;
  }

  begin(): void {
    if (this.#state !== 'before') return;
    this.#state = 'held';
    this.#count(1);
  }

  /** A second call does nothing. */
  end(): void {
    const was = this.#state;
    this.#state = 'over';
    if (was === 'held') this.#count(-1);
  }

  /** Ends at the latest when the object has been garbage-collected. */
  endWith(object: object): void {
    unreachable.register(object, this);
  }
}
