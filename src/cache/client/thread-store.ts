// A worker thread's own connection to a store: opened when it is first needed, anew after the database was replaced,
// and again after it was closed for a while. Reads and writes go to the coordinator while there is none.
import { GloveboxError } from '../../errors.ts';
import { performance } from '../../system/time.ts';
import type { TimedOperation, WriteResult } from '../operations.ts';
import { COUNTER } from '../shared/layout.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import { type Parkable, withDescriptors, workerStores } from '../storage/open-stores.ts';
import { isOutOfFiles } from '../storage/sqlite/connection.ts';
import { SqliteStore, type SqliteStoreOptions } from '../storage/sqlite/store.ts';
import type { StoreReader } from '../storage/store.ts';
import type { DirectStore } from './store-client.ts';

// Milliseconds to wait for other threads and processes. Under constant writes the coordinator waits instead of this
// thread, without blocking.
const LOCK_TIMEOUT_MS = 250;
const BUSY_TIMEOUT_MS = 100;
// Without descriptors for a connection, the thread waits this long before it tries again.
const RETRY_MS = 1000;

/** The coordinator, to which the thread turns where its own connection does not serve. */
export interface ThreadStoreFallback {
  reader: StoreReader;
  /** As `reader`; each read blocks this thread for at most so long. */
  readerNow(timeoutMs: number): StoreReader;
  readFailed(error: unknown): void;
  /** Evicted entries and unused blobs are left to be removed. */
  cleanUp(): void;
}

export interface ThreadStoreOptions {
  /** The limits are those of the shared memory. Undefined where only the coordinator can open the store. */
  options: Omit<SqliteStoreOptions, 'maxSize' | 'policy'> | undefined;
  shared: SharedMemory;
  counters: Float64Array;
  coordinator: ThreadStoreFallback;
}

export class ThreadStore implements DirectStore, Parkable {
  // Every operation here ends within one turn of the event loop.
  readonly isBusy = false;
  readonly #options: ThreadStoreOptions['options'];
  readonly #shared: SharedMemory;
  readonly #counters: Float64Array;
  readonly #coordinator: ThreadStoreFallback;
  #store: SqliteStore | undefined;
  #epoch: number | undefined;
  #retryAt = Number.POSITIVE_INFINITY;
  #lastUsed = 0;

  /** Opens nothing yet. */
  constructor({ options, shared, counters, coordinator }: ThreadStoreOptions) {
    const [lockTimeoutMs, busyTimeoutMs] = [LOCK_TIMEOUT_MS, BUSY_TIMEOUT_MS];
    this.#options = options && { ...options, shared, lockTimeoutMs, busyTimeoutMs, attach: true };
    this.#shared = shared;
    this.#counters = counters;
    this.#coordinator = coordinator;
  }

  /** The epoch of the database that is open. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  /** Without a connection of its own the thread would not notice other processes' changes. */
  get allowsLocalTier(): boolean {
    return this.#options === undefined || this.reader() !== this.#coordinator.reader;
  }

  reader(): StoreReader {
    this.#lastUsed = workerStores.tick();
    if (this.#shared.versions.isDegraded) return this.#coordinator.reader;
    try {
      return this.#open()?.reader ?? this.#coordinator.reader;
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      // The coordinator's own connection may not have noticed yet that the file is damaged.
      this.#coordinator.readFailed(error);
      return this.#coordinator.reader;
    }
  }

  readerNow(timeoutMs: number): StoreReader {
    const reader = this.reader();
    return reader === this.#coordinator.reader ? this.#coordinator.readerNow(timeoutMs) : reader;
  }

  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined {
    this.#lastUsed = workerStores.tick();
    if (this.#shared.versions.isDegraded) return undefined;
    try {
      const store = this.#open();
      return store && this.#apply(store, batch);
    } catch {
      // The coordinator meets the same error, and knows how to handle it.
      return undefined;
    } finally {
      if (this.#store?.hasPendingCleanup) {
        this.#store.hasPendingCleanup = false;
        this.#coordinator.cleanUp();
      }
    }
  }

  // Throws when it cannot be opened, once in an epoch; undefined after that.
  #open(): SqliteStore | undefined {
    const options = this.#options;
    if (!options) return undefined;
    const { epoch } = this.#shared.versions;
    if (epoch === this.#epoch && (this.#store || performance.now() < this.#retryAt)) return this.#store;
    this.#close();
    this.#epoch = epoch;
    this.#retryAt = Number.POSITIVE_INFINITY;
    try {
      const open = () => new SqliteStore({ ...options, ...this.#shared.limits.current });
      this.#store = withDescriptors(workerStores, open);
    } catch (error) {
      if (isOutOfFiles(error)) this.#retryAt = performance.now() + RETRY_MS;
      throw error;
    }
    workerStores.add(this);
    return this.#store;
  }

  #apply(store: SqliteStore, batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const { counts } = store;
    const { sets, deletes, evictions, expired } = counts;
    const counters = this.#counters;
    try {
      const results = store.apply(batch);
      // Writes to files that were removed meanwhile are lost: the coordinator notices, and applies them again.
      return store.fileState === 'ok' ? results : this.#close();
    } finally {
      counters[COUNTER.sets]! += counts.sets - sets;
      counters[COUNTER.deletes]! += counts.deletes - deletes;
      counters[COUNTER.evictions]! += counts.evictions - evictions;
      counters[COUNTER.expired]! += counts.expired - expired;
    }
  }

  /** Closes the connection until it is needed again. */
  park(): void {
    this.#close();
    this.#epoch = undefined;
  }

  /** Closes the connection for good. */
  close(): void {
    workerStores.delete(this);
    this.park();
  }

  #close(): undefined {
    this.#store?.close();
    this.#store = undefined;
  }
}
