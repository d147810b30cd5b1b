// Which peers have crashed, and are measured no further.

import { type LoadedPeer, REFERENCE } from './peer.ts';
import type { Results } from './results.ts';
import { PeerCrash, type WorkerGroup } from './worker-group.ts';

export class Crashes {
  // What each was doing, and how its process ended.
  readonly #reasons = new Map<LoadedPeer, string>();

  has(peer: LoadedPeer): boolean {
    return this.#reasons.has(peer);
  }

  /** As the results tell it. */
  get list(): Results['crashed'] {
    return [...this.#reasons].map(([loaded, why]) => ({ title: loaded.peer.title, why }));
  }

  /**
   * Does a task with a peer's processes, and stops them when one of them crashes: then it is told as of `what`. A crash
   * of the reference is one of the benchmark, and rejects, as all else does that goes wrong.
   */
  async watch(workerGroup: WorkerGroup, what: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof PeerCrash) || workerGroup.peer.name === REFERENCE) throw error;
      this.#reasons.set(workerGroup.peer, `${what}: ${error.why}`);
      await workerGroup.stop();
    }
  }
}
