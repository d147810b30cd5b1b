// Diagnostics channels of the caches, and their messages. Nothing is published while nothing subscribes.
import { tracingChannel } from 'node:diagnostics_channel';

/** One call of a cache's method, published on `glovebox.cache.operation`. Node adds `result` and `error`. */
export interface CacheOperation {
  /** The method: `get`, `setSync`, `getOrSet` … */
  operation: string;
  tag: string;
  /** Absent for operations on several entries or all. */
  key?: string;
  /** Number of keys asked for, in operations on several. */
  keys?: number;
  /**
   * Origin of a value that was read, once it is known: the thread's own copies, those that all threads share, or the
   * store. Absent for a miss.
   */
  tier?: 'local' | 'shared' | 'store';
  /**
   * Whether a read found its entry, or all entries that it asked for; for `getOrSet`, whether it did not have to
   * produce.
   */
  hit?: boolean;
}

/**
 * One request to the remote tier, from its beginning to the head of its answer, published on `glovebox.remote.request`.
 * Node adds `error`.
 */
export interface RemoteRequest {
  method: 'GET' | 'PUT' | 'HEAD' | 'DELETE';
  /** Without credentials, which are in a header. */
  url: string;
  /** `ac` for a record, `cas` for a blob. */
  kind: 'ac' | 'cas';
  /** The status of the answer, once there is one. */
  status?: number;
  /** Bytes of the body sent or received, once they are known. */
  size?: number;
}

export const operations = tracingChannel<unknown, CacheOperation>('glovebox.cache.operation');
export const remoteRequests = tracingChannel<unknown, RemoteRequest>('glovebox.remote.request');
