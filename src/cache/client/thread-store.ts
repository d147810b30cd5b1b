// A worker thread's own connection to a store: opened when it is first needed, anew after the database was replaced,
// and again after it was closed for a while.
import { performance } from '../../system/time.ts';
import type { TimedOperation, WriteResult } from '../operations.ts';
import { COUNTER } from '../shared/layout.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import { isOutOfFiles } from '../storage/sqlite/connection.ts';
import { SqliteStore, type SqliteStoreOptions } from '../storage/sqlite/store.ts';

// Milliseconds to wait for other threads and processes. Under constant writes the coordinator waits instead of this
// thread, without blocking.
const LOCK_TIMEOUT_MS = 250;
const BUSY_TIMEOUT_MS = 100;
// Without descriptors for a connection, the thread waits this long before it tries again.
const RETRY_MS = 1000;

export interface ThreadStoreOptions {
  /** The limits are those of the shared memory. */
  options: Omit<SqliteStoreOptions, 'maxSize' | 'policy'>;
  shared: SharedMemory;
  counters: Float64Array;
  /** Calls `open`, and makes room for the file descriptors of its result. */
  open: (open: () => SqliteStore) => SqliteStore;
}

export class ThreadStore {
  readonly #options: ThreadStoreOptions['options'];
  readonly #shared: SharedMemory;
  readonly #counters: Float64Array;
  readonly #open: ThreadStoreOptions['open'];
  #store: SqliteStore | undefined;
  #epoch: number | undefined;
  #retryAt = Number.POSITIVE_INFINITY;

  /** Opens nothing yet. */
  constructor({ options, shared, counters, open }: ThreadStoreOptions) {
    const [lockTimeoutMs, busyTimeoutMs] = [LOCK_TIMEOUT_MS, BUSY_TIMEOUT_MS];
    this.#options = { ...options, shared, lockTimeoutMs, busyTimeoutMs, attach: true };
    this.#shared = shared;
    this.#counters = counters;
    this.#open = open;
  }

  /** The epoch of the database that is open. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** The connection. Throws when it cannot be opened, once in an epoch; undefined after that. */
  open(): SqliteStore | undefined {
    const { epoch } = this.#shared.versions;
    if (epoch === this.#epoch && (this.#store || performance.now() < this.#retryAt)) return this.#store;
    this.#close();
    this.#epoch = epoch;
    this.#retryAt = Number.POSITIVE_INFINITY;
    try {
      this.#store = this.#open(() => new SqliteStore({ ...this.#options, ...this.#shared.limits.current }));
    } catch (error) {
      if (isOutOfFiles(error)) this.#retryAt = performance.now() + RETRY_MS;
      throw error;
    }
    return this.#store;
  }

  /** The results of all operations, committed. Undefined: none was committed, and the coordinator has to apply them. */
  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined {
    if (this.#shared.versions.isDegraded) return undefined;
    try {
      const store = this.open();
      return store && this.#apply(store, batch);
    } catch {
      // The coordinator meets the same error, and knows how to handle it.
      return undefined;
    }
  }

  #apply(store: SqliteStore, batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const before = { ...store.counts };
    try {
      const results = store.apply(batch);
      // Writes to files that were removed meanwhile are lost: the coordinator notices, and applies them again.
      return store.fileState === 'ok' ? results : this.#close();
    } finally {
      for (const name of ['sets', 'deletes', 'evictions', 'expired'] as const) {
        this.#counters[COUNTER[name]]! += store.counts[name] - before[name];
      }
    }
  }

  /** Whether there is cleanup to do that the coordinator was not told of. */
  takePendingCleanup(): boolean {
    const had = this.#store?.hasPendingCleanup ?? false;
    if (had) this.#store!.hasPendingCleanup = false;
    return had;
  }

  /** Closes the connection until it is needed again. */
  park(): void {
    this.#close();
    this.#epoch = undefined;
  }

  #close(): undefined {
    this.#store?.close();
    this.#store = undefined;
  }
}
