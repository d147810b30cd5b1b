// Idle work of a watched build: runs while there is nothing to build, and stops as soon as a file is saved.

/** Runs one task at a time. */
export class IdleWork {
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** Starts `work` unless a task is running. It must end soon after its signal aborts. */
  begin(work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#running !== undefined) return;
    this.#stop = new AbortController();
    this.#running = work(this.#stop.signal).finally(() => {
      this.#running = undefined;
    });
  }

  /** Aborts the task. */
  interrupt(): void {
    this.#stop.abort();
  }

  /** Aborts the task and resolves when it has ended. Rejects with the task's error. */
  async stop(): Promise<void> {
    this.interrupt();
    await this.#running;
  }
}
