// Store client: connects a thread's cache to its store, directly in the coordinator's thread, over a port in the
// others.
import type { CacheStats, CheckReport } from '../cache.ts';
import type { Accesses, TimedOperation, WriteOperation, WriteResult } from '../operations.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import type { StoreReader } from '../storage/store.ts';

/** Indexes of a thread's own counters, in shared memory so that the coordinator can sum them at any time. */
export const Counter = { hits: 0, misses: 1, sets: 2, deletes: 3, evictions: 4, expired: 5 } as const;
/** Number of counters. */
export const COUNTERS = 6;

/** The answer to a request for a key's lease. */
export type Grant =
  /** Produce the value; store it with this token. */
  | { state: 'held'; token: string }
  /** The other producer stored a value or failed: read again, and request the lease again on a miss. */
  | { state: 'retry' }
  /** The value cannot be stored by anyone: produce it for this caller only. */
  | { state: 'unshared' }
  /** The wait would never end: the key's producer waits, perhaps through others, for what the caller produces. */
  | { state: 'circular'; keys: string[] };

export interface LeaseRequest {
  key: string;
  /** The caller's time. */
  now: number;
  /** Milliseconds to wait for another producer. */
  wait: number;
  /** Milliseconds to wait for other processes that keep the database locked. */
  timeout: number;
  /**
   * The tokens of the leases under which the caller is producing: a caller that waits for one of those waits for this
   * one.
   */
  holding: readonly string[];
}

export interface StoreClient {
  readonly shared: SharedMemory;
  readonly counters: Float64Array;
  /** False where another process's changes could not be noticed: copies in memory must not be kept then. */
  readonly allowsLocalTier: boolean;
  /** Undefined for stores without files. */
  readonly blobs: BlobFiles | undefined;
  /** This thread's reads. Opened anew after the database was replaced. */
  reader(): StoreReader;
  /**
   * As {@link reader}, but no method returns a promise. Where another thread has to answer, this one is blocked for at
   * most so long.
   */
  readerNow(timeoutMs: number): StoreReader;
  /** Tells the coordinator of a read that failed. The coordinator warns once, and repairs the store if it can. */
  readFailed(error: unknown): undefined;
  /**
   * Commits the batch in one transaction of this thread, and returns the results. Undefined: nothing was committed, for
   * a reason that the coordinator has to find and mend.
   */
  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined;
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
  lease(request: LeaseRequest, onWait: (holder: { pid: number }) => void): Promise<Grant>;
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
