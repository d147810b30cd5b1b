// Operations on a store, and values in their stored form: the messages between the cache that a thread holds and the
// store that keeps the entries. Plain data, because it crosses ports.

/** An entry's value as it is stored and as it crosses ports. */
export interface StoredValue {
  /** See codec.ts. */
  encoding: number;
  /** Inline bytes or text; null when the bytes are in a blob. */
  data: string | Uint8Array | null;
  /** SHA-256 of the blob's bytes in hexadecimal; null when inline. */
  blob: string | null;
  /** See `checksum` and `withExpiry` in codec.ts. */
  checksum: number;
  /** Bytes of the value. */
  size: number;
  /** Permission bits of a file; null for values. */
  mode: number | null;
}

/** A value to be stored, its checksum without the time: a new blob comes as a flushed temporary file, named here. */
export interface IncomingValue extends StoredValue {
  temporary?: string;
}

/** A value found by a read, with its expiry time (null: never). */
export interface FoundValue extends StoredValue {
  expires: number | null;
}

/** Everything that changes a store. Plain data: operations cross ports. */
export type WriteOperation =
  | {
      type: 'set';
      key: string;
      value: IncomingValue;
      expires: number | null;
      onlyIfAbsent?: boolean;
      lease?: string;
    }
  /** `part`: of many entries that cross a port in several operations, which become one with the last. */
  | {
      type: 'set-many';
      entries: { key: string; value: IncomingValue }[];
      expires: number | null;
      part?: { of: string; isLast: boolean };
    }
  | { type: 'delete'; keys: string[] }
  /** Removes an entry that turned out to be damaged, unless it was replaced since. */
  | { type: 'discard'; key: string; checksum: number; blob: string | null }
  | { type: 'touch'; key: string; expires: number | null }
  | { type: 'increment'; key: string; by: number; expires: number | null }
  | { type: 'access'; entries: Accesses; isUrgent: boolean }
  | { type: 'clear' }
  | { type: 'cleanup' }
  /** `replaces`: only in the place of the record with this token, or where there is none (null). Default: of any. */
  | { type: 'lease'; key: string; lease: LeaseRecord; replaces?: string | null }
  | { type: 'release'; key: string; token: string };

/** Reads of keys: how often, and when last. */
export type Accesses = readonly [key: string, count: number, last: number][];

/** An operation and its caller's time: clocks of callers differ, and each one's entries expire by its own. */
export interface TimedOperation {
  operation: WriteOperation;
  now: number;
}

/** The holder of a key's lease: kept in the store, so that a holder that lost its lease cannot store any more. */
export interface LeaseRecord {
  token: string;
  pid: number;
  host: string;
  /** Creation time of the lock behind the lease, in milliseconds since the epoch; 0 without a lock. */
  started: number;
}

/**
 * Outcome of one operation. `value`: set, touch → boolean; delete, clear, cleanup → number; increment → number.
 * `mistake` is the caller's fault and becomes a WrongKindError. `failed` is the store's trouble: the caller degrades.
 * `version`: of the key, right after a set was committed, where it is known.
 */
export type WriteResult =
  | { value: number | boolean; version?: number }
  | { mistake: string }
  | { failed: string };

export interface PageEntry extends FoundValue {
  key: string;
}

/** Entries that one page of an iteration holds. */
export const PAGE_SIZE = 256;

/** Entries that one transaction stores at once: more are stored over several turns of the event loop. */
export const LONG_SET = 5000;

/** Whether an entry that expires at `expires` has expired at `now`. */
export function isExpired(expires: number | null, now: number): boolean {
  return expires !== null && expires <= now;
}
