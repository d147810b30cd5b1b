// How a thread's cache reaches its store: directly in the coordinator's thread, over a port in the others.
import type { BlobFiles } from './blobs.ts';
import type { CacheStats, CheckReport } from './cache.ts';
import type { SharedMemory } from './shared-memory.ts';
import type { StoreReader, WriteOperation, WriteResult } from './store.ts';

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

export interface StoreLink {
  readonly shared: SharedMemory;
  readonly counters: Float64Array;
  /** False where another process's changes could not be noticed: copies in memory must not be kept then. */
  readonly allowsLocalTier: boolean;
  /** Undefined for stores without files. */
  readonly blobs: BlobFiles | undefined;
  /** This thread's reads. Opened anew after the database was replaced. */
  reader(): StoreReader;
  /** Tells the coordinator of a read that failed; said once, repaired if it can be. */
  readFailed(error: unknown): undefined;
  /** Tells the coordinator of a value of `size` bytes that was not stored because that is more than the whole limit; said once. */
  tooLarge(key: string, size: number): void;
  /** Resolves after the operation's transaction is committed. Operations are applied in the order of the calls. */
  write(operation: WriteOperation, now: number): Promise<WriteResult>;
  lease(request: LeaseRequest, onWait: (holder: { pid: number }) => void): Promise<Grant>;
  /** Gives a lease back without a value. */
  abandon(key: string, token: string): void;
  stats(): Promise<CacheStats>;
  check(repair: boolean): Promise<CheckReport>;
  collect(): Promise<void>;
  close(): Promise<void>;
}
