// Record of peers that have crashed. They are not measured further.

import { type LoadedPeer, REFERENCE } from './peer.ts';
import type { Results } from './results.ts';
import { PeerCrash, type WorkerGroup } from './worker-group.ts';

export class Crashes {
  // For each peer, its last activity and how its process ended.
  readonly #reasons = new Map<LoadedPeer, string>();

  has(peer: LoadedPeer): boolean {
    return this.#reasons.has(peer);
  }

  /** The list for the results. */
  get list(): Results['crashed'] {
    return [...this.#reasons].map(([loaded, why]) => ({ title: loaded.peer.title, why }));
  }

  /**
   * Runs a task with a peer's processes. When one crashes, stops the others and records the crash under `what`. A crash
   * of the reference, and any other error, rejects.
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
