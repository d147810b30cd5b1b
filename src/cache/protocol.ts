// Protocol between the worker threads and the coordinator: the types of all messages, and nothing else. Operations and
// their results are in operations.ts; what makes a message valid is in coordinator/validate.ts.
//
// A thread has one connection, of two ports. Over `control` it calls the coordinator (Comlink). Over `writes` it sends
// batches of operations, all of one turn in one message, and receives their results, all of one commit in one message.
// The coordinator also sends there what a caller of `lease` has to know before, or after, it is answered. A thread writes
// plain operations by itself; `writes` carries the rest, and those that it could not write.
import type { MessagePort } from 'node:worker_threads';
import type { CacheStats, CheckReport, EntryMetadata, EvictionPolicy } from './cache.ts';
import type { FoundValue, PageEntry, WriteOperation, WriteResult } from './operations.ts';
import type { GatewayAnswer, GatewayRequest } from './remote/gateway.ts';
import type { SharedBuffers } from './shared/shared-memory.ts';

/** The first message, to the coordinator's thread or over a port that was passed by hand. */
export interface Hello {
  /** The version of the protocol: threads with different ones do not communicate. Changes with the messages. */
  glovebox: 6;
  /** The thread's id. */
  thread: number;
  control: MessagePort;
  writes: MessagePort;
}

/** A cache's request to open its store. Options that the caller did not state follow those of another caller. */
export interface OpenRequest {
  tag: string;
  cacheRoot: string;
  backend: 'sqlite' | 'memory';
  maxSize: number;
  policy: EvictionPolicy;
  /** The options that the caller stated. */
  explicit: Stated;
  /** Milliseconds to wait for other processes. */
  timeout: number;
  /** Use the cache root also when others can write there. */
  allowUntrusted: boolean;
}

/** Options of a store that a caller may state, and others adopt. */
export interface StoreOptions {
  maxSize: number;
  policy: EvictionPolicy;
  allowUntrusted: boolean;
}

/** For each of the {@link StoreOptions}, whether it was stated. */
export type Stated = Record<keyof StoreOptions, boolean>;

/** The options of a store that is open, or about to be. */
export type Terms = Pick<OpenRequest, 'tag' | 'backend' | 'explicit' | keyof StoreOptions>;

export interface OpenReply {
  instance: number;
  shared: SharedBuffers;
  counters: SharedArrayBuffer;
  /** The tag's directory, which holds the blobs; undefined for stores without files. */
  directory: string | undefined;
  /** The database to open; undefined when reads and writes must use the port. */
  file: string | undefined;
  /** The name that signs transactions. */
  writer: string;
}

/** Counts of all caches that are open in this process, summed over all its threads. */
export interface AggregatedCacheStats {
  /** Stores that are open: one per cache root and tag. */
  totalInstances: number;
  /** By the directory of the tag. */
  instances: Record<string, CacheStats>;
  totalSize: number;
  totalCount: number;
  totalHits: number;
  totalMisses: number;
  /** Hits among all reads, 0 to 1; 0 when nothing was read. */
  hitRate: number;
}

/** Errors lose their class on the way: they travel as data. */
export type Reply<T> = { ok: true; value: T } | { ok: false; code: string; message: string };

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

/** The coordinator's functions that a worker thread can call. */
export interface CoordinatorApi {
  /** Confirms that the coordinator is there and understands the protocol. */
  greet(): void;
  open(request: OpenRequest): Promise<Reply<OpenReply>>;
  release(instance: number): void;
  read(instance: number, key: string): FoundValue | undefined;
  page(instance: number, prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[];
  readMany(instance: number, keys: string[]): Map<string, FoundValue>;
  metadata(instance: number, key: string): EntryMetadata | undefined;
  /** @param id a number of the thread's own, for the {@link LeaseNotice}s about this call */
  lease(instance: number, id: number, request: LeaseRequest): Promise<Grant>;
  /** Whether the key's lease is still the one with this token, so that a value can be stored under it. */
  holds(instance: number, key: string, token: string): boolean;
  abandon(instance: number, key: string, token: string): void;
  /** `epoch` is that of the connection that read: damage of a database that was replaced since is ignored. */
  readFailed(instance: number, message: string, code: string | undefined, epoch: number): void;
  stats(instance: number): Promise<CacheStats>;
  /** A value of so many bytes was not stored because it is larger than the whole limit. */
  tooLarge(instance: number, key: string, size: number): void;
  check(instance: number, repair: boolean): Promise<CheckReport>;
  collect(instance: number): Promise<number>;
  /** The thread has written by itself, and left unused blobs or more than fits. */
  tidy(instance: number): void;
  aggregatedStats(): Promise<AggregatedCacheStats>;
  /** A cache's request to the remote cache. */
  remote(request: GatewayRequest): Promise<Reply<GatewayAnswer>>;
}

/**
 * Worker to coordinator, over `writes`. `until`: the time by the system's clock after which the operation must not be
 * done any more, because its thread no longer waits for it; null when it does.
 */
export type WriteRequest = [
  id: number,
  instance: number,
  now: number,
  operation: WriteOperation,
  until: number | null,
][];

/** Coordinator to worker, over `writes`. */
export type WriteResponse = [id: number, result: WriteResult][];

/** Coordinator to worker, over `writes`: about the call of `lease` with this number. */
export type LeaseNotice =
  /** Another caller is producing the value, in this process. */
  | { id: number; type: 'waiting'; pid: number }
  /** The lease that was granted is another caller's now: a value can no longer be stored under it. */
  | { id: number; type: 'lost' };
