// What is done while nothing is to be built, and dropped as soon as something is: finding out what the next builds may take
// over, and now and then whether what was taken over was right.
import type { Target } from '../matrix/target.ts';
import type { Toolchain } from '../toolchains/toolchain.ts';

/** Finds out what the next builds of these targets may take over. Resolves to whether it did all. */
export async function recordAll(
  toolchain: Toolchain,
  targets: readonly Target[],
  options: { signal: AbortSignal; jobs: number },
): Promise<boolean> {
  if (toolchain.recordMacros === undefined) return true;
  let isWhole = true;
  for (const target of targets) {
    if (options.signal.aborted) return false;
    isWhole = (await toolchain.recordMacros(target, options)) && isWhole;
  }
  return isWhole && !options.signal.aborted;
}

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
