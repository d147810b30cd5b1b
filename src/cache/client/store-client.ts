// Store client: connects a thread's cache to its store, directly in the coordinator's thread, over a port in the
// others.
import type { CacheStats, CheckReport } from '../cache.ts';
import type { Accesses, TimedOperation, WriteOperation, WriteResult } from '../operations.ts';
import type { Grant, LeaseRequest } from '../protocol.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import type { StoreReader } from '../storage/store.ts';

/** Called about a request for a lease, before or after it is answered. */
export interface LeaseEvents {
  /** Another caller is producing the value, in this process. */
  onWait(holder: { pid: number }): void;
  /** The lease that was granted is another caller's by now: a value can no longer be stored under it. */
  onLost(): void;
}

/** The store as a thread uses it by itself, without asking the coordinator where that can be avoided. */
export interface DirectStore {
  /** False where another process's changes could not be noticed: copies in memory must not be kept then. */
  readonly allowsLocalTier: boolean;
  /** This thread's reads. Opened anew after the database was replaced. */
  reader(): StoreReader;
  /**
   * As {@link reader}, but no method returns a promise. Where another thread has to answer, this one is blocked for at
   * most so long.
   */
  readerNow(timeoutMs: number): StoreReader;
  /**
   * Commits the batch in one transaction of this thread, and returns the results. Undefined: nothing was committed, for
   * a reason that the coordinator has to find and mend.
   */
  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined;
}

export interface StoreClient {
  readonly shared: SharedMemory;
  /** This thread's counters: see `COUNTER` in layout.ts. */
  readonly counters: Float64Array;
  readonly direct: DirectStore;
  /** Undefined for stores without files. */
  readonly blobs: BlobFiles | undefined;
  /** Tells the coordinator of a read that failed. The coordinator warns once, and repairs the store if it can. */
  readFailed(error: unknown): undefined;
  /**
   * Has the coordinator write, in the order of the calls. Resolves after the operation's transaction is committed.
   * Never rejects.
   */
  send(operation: WriteOperation, now: number): Promise<WriteResult>;
  /**
   * As {@link send}, with this thread blocked for at most so long. A write that is not done by then never will be,
   * unless its result is already on the way.
   */
  sendNow(operation: WriteOperation, now: number, timeoutMs: number): WriteResult;
  /**
   * Tells the coordinator of a value of `size` bytes that was not stored because it exceeds the whole limit. Warned of
   * once.
   */
  tooLarge(key: string, size: number): void;
  lease(request: LeaseRequest, events: LeaseEvents): Promise<Grant>;
  /** Whether the key's lease is still the one with this token. False where that cannot be found out. */
  holds(key: string, token: string): Promise<boolean>;
  /** Registers `take`, which is called before entries are evicted: it returns this thread's unreported reads. */
  addReads(take: () => Accesses): void;
  /** Releases a lease without a value. */
  abandon(key: string, token: string): void;
  stats(): Promise<CacheStats>;
  check(repair: boolean): Promise<CheckReport>;
  /**
   * Removes files that dead processes left, and returns disk space. Resolves to the number of entries that were evicted
   * for that.
   */
  collectGarbage(): Promise<number>;
  close(): Promise<void>;
}
