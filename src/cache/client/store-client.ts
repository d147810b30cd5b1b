// How a thread's cache reaches its store: directly in the coordinator's thread, over a port in the others.
import type { CacheStats, CheckReport } from '../cache.ts';
import type { Accesses, TimedOperation, WriteOperation, WriteResult } from '../operations.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import type { StoreReader } from '../storage/store.ts';

/** A thread's own counters, in shared memory so that the coordinator can add them up at any time. */
export const Counter = { hits: 0, misses: 1, sets: 2, deletes: 3, evictions: 4, expired: 5 } as const;
/** How many there are. */
export const COUNTERS = 6;

/** The answer to a request for a key's lease. */
export type Grant =
  /** Produce the value; store it with this token. */
  | { state: 'held'; token: string }
  /** Somebody stored it meanwhile, or was the last to try: read again, and ask again when it is not there. */
  | { state: 'retry' }
  /** Nobody can store the value: produce it for yourself. */
  | { state: 'unshared' }
  /** It would never come: whoever produces it waits, over others perhaps, for what the caller produces. */
  | { state: 'circular'; keys: string[] };

export interface LeaseRequest {
  key: string;
  /** The caller's time. */
  now: number;
  /** Milliseconds to wait for another producer. */
  wait: number;
  /** Milliseconds to wait for other processes that keep the database locked. */
  timeout: number;
  /** The tokens of the leases under which the caller is producing: who waits for those waits for it. */
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
  /** The same, of which no method gives a promise. For what needs another thread, this one is blocked for at most so long. */
  readerNow(timeoutMs: number): StoreReader;
  /** Tells the coordinator of a read that failed; said once, repaired if it can be. */
  readFailed(error: unknown): undefined;
  /**
   * Commits the batch in one transaction of this thread, and gives the results. Undefined: nothing was committed, for a
   * reason that the coordinator is to find out and mend.
   */
  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined;
  /** Has the coordinator write, in the order of the calls. Resolves after the operation's transaction is committed. Never rejects. */
  send(operation: WriteOperation, now: number): Promise<WriteResult>;
  /**
   * The same, with this thread blocked for at most so long. What is not done by then never will be, unless its result is
   * already on the way.
   */
  sendNow(operation: WriteOperation, now: number, timeoutMs: number): WriteResult;
  /** Tells the coordinator of a value of `size` bytes that was not stored because that is more than the whole limit; said once. */
  tooLarge(key: string, size: number): void;
  lease(request: LeaseRequest, onWait: (holder: { pid: number }) => void): Promise<Grant>;
  /** What `take` gives is asked for before entries are evicted: what this thread has read and not reported. */
  addReads(take: () => Accesses): void;
  /** Gives a lease back without a value. */
  abandon(key: string, token: string): void;
  stats(): Promise<CacheStats>;
  check(repair: boolean): Promise<CheckReport>;
  /** Removes what dead processes left, and gives disk space back. Resolves to how many entries were evicted for that. */
  collectGarbage(): Promise<number>;
  close(): Promise<void>;
}
