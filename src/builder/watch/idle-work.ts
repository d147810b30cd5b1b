// Idle work of a watched build: runs while nothing is to be built, and stops as soon as a file is saved.

/** One piece of work at a time. */
export class IdleWork {
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** Begins it, unless something is being done. `work` ends soon when its signal aborts, and is not called then. */
  begin(work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#running !== undefined) return;
    this.#stop = new AbortController();
    this.#running = work(this.#stop.signal).finally(() => {
      this.#running = undefined;
    });
  }

  /** Tells it to end. */
  interrupt(): void {
    this.#stop.abort();
  }

  /** Resolves when nothing is being done any more. Rejects with what the work rejected with. */
  async stop(): Promise<void> {
    this.interrupt();
    await this.#running;
  }
}
