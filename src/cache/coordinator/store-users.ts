// Users of a store: the threads with caches of it, their counters, and their reads that the writer does not know of.
import type { Accesses } from '../operations.ts';
import { COUNTERS, COUNTERS_BYTES } from '../shared/layout.ts';
import type { Client } from './leases.ts';

export class StoreUsers {
  readonly #caches = new Map<Client, number>();
  readonly #counters = new Map<Client, Float64Array>();
  // Of threads that use the store no more.
  readonly #past = new Float64Array(COUNTERS);
  readonly #reads = new Set<() => Accesses>();

  /** The number of threads. */
  get count(): number {
    return this.#caches.size;
  }

  /** Adds a cache of a thread. Returns the thread's counters. */
  add(client: Client): Float64Array {
    this.#caches.set(client, (this.#caches.get(client) ?? 0) + 1);
    let counters = this.#counters.get(client);
    if (!counters) {
      counters = new Float64Array(new SharedArrayBuffer(COUNTERS_BYTES));
      this.#counters.set(client, counters);
    }
    return counters;
  }

  /** Removes a cache of a thread. Returns whether it was the thread's last one. */
  remove(client: Client): boolean {
    const left = (this.#caches.get(client) ?? 0) - 1;
    if (left <= 0) return true;
    this.#caches.set(client, left);
    return false;
  }

  /** Removes a thread. Its counts remain. */
  drop(client: Client): void {
    this.#caches.delete(client);
    const counters = this.#counters.get(client);
    this.#counters.delete(client);
    counters?.forEach((count, index) => {
      this.#past[index]! += count;
    });
  }

  /** The sum of a counter over all threads, those that have ended included. */
  total(index: number): number {
    return [...this.#counters.values()].reduce(
      (total, counters) => total + counters[index]!,
      this.#past[index]!,
    );
  }

  /** Registers a thread's unreported reads. Returns a function that removes them. */
  addReads(take: () => Accesses): () => void {
    this.#reads.add(take);
    return () => this.#reads.delete(take);
  }

  /** The unreported reads of all threads, which count as reported then. */
  takeReads(): Accesses {
    return [...this.#reads].flatMap(take => take());
  }
}
