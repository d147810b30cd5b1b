// The diagnostics channels of the caches, and what is published on them. Nothing is published while nothing subscribes.
import { tracingChannel } from 'node:diagnostics_channel';

/** One call of a cache's method, published on `glovebox.cache.operation`. Node adds `result` and `error`. */
export interface CacheOperation {
  /** The method: `get`, `setSync`, `getOrSet` … */
  operation: string;
  tag: string;
  /** Absent for operations on several entries or all. */
  key?: string;
  /** How many keys were asked for, of operations on several. */
  keys?: number;
  /**
   * Where a value that was read came from, once that is known: the thread's own copies, those that all threads share, or
   * the store. Absent for a miss.
   */
  tier?: 'local' | 'shared' | 'store';
  /** Whether a read found its entry, or all entries that it asked for; of `getOrSet`, whether it had not to produce. */
  hit?: boolean;
}

/**
 * One request to the remote tier, from its beginning to the head of its answer, published on `glovebox.remote.request`. Node
 * adds `error`.
 */
export interface RemoteRequest {
  method: 'GET' | 'PUT' | 'HEAD' | 'DELETE';
  /** Without credentials, which are in a header. */
  url: string;
  /** `ac` for a record, `cas` for a blob. */
  kind: 'ac' | 'cas';
  /** The status of the answer, once there is one. */
  status?: number;
  /** Bytes of the body that is sent or comes, once that is known. */
  size?: number;
}

export const operations = tracingChannel<unknown, CacheOperation>('glovebox.cache.operation');
export const remoteRequests = tracingChannel<unknown, RemoteRequest>('glovebox.remote.request');
