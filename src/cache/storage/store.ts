// The backend that keeps the entries, as the coordinator and the threads see it.
import type { CheckReport, EntryMetadata } from '../cache.ts';
import type {
  FoundValue,
  LeaseRecord,
  PageEntry,
  TimedOperation,
  WriteOperation,
  WriteResult,
} from '../operations.ts';
import type { LongWrite } from './long-write.ts';

/** Entries, bytes that count towards the limit, and blobs that are there now. */
export interface StoreTotals {
  size: number;
  count: number;
  blobs: number;
}

/** Counted since the store was opened. */
export interface StoreCounts {
  sets: number;
  deletes: number;
  evictions: number;
  expired: number;
}

/**
 * Reads of one thread. Synchronous where the thread has the data at hand, promises where it must ask. What is found is
 * the caller's own: nobody else has its bytes.
 */
export interface StoreReader {
  read(key: string): FoundValue | undefined | Promise<FoundValue | undefined>;
  /** At most a page of unexpired entries whose keys begin with `prefix` and come after `after`; without their data if `keysOnly`. */
  page(prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] | Promise<PageEntry[]>;
  metadata(key: string): EntryMetadata | undefined | Promise<EntryMetadata | undefined>;
  /** The entries that exist, by key. */
  readMany(keys: readonly string[]): Map<string, FoundValue> | Promise<Map<string, FoundValue>>;
  /**
   * Makes the copies of what other processes changed out of date. Returns a number that changes whenever somebody else
   * has committed something.
   */
  follow(): number;
}

/** A backend, used by one thread: the coordinator's. */
export interface Store {
  readonly backend: 'sqlite' | 'memory';
  readonly directory: string | undefined;
  readonly maxSize: number;
  readonly policy: string;
  readonly counts: StoreCounts;
  /**
   * Applies all operations in one transaction, and then counts on the versions of what is out of date: entries that
   * changed or went, or are not as the operation's caller may remember them, which the result tells. Throws
   * {@link StoreBusyError} when another thread or process is writing; nothing happened then.
   */
  apply(batch: readonly TimedOperation[]): WriteResult[];
  /** Whether the operation takes so long that it is to be done with {@link beginLong}. */
  isLong(operation: WriteOperation): boolean;
  /**
   * Begins such an operation. Until it is over nothing else may be applied, and neither `check` nor `collect` may be
   * called.
   *
   * @param timeoutMs how long to wait for other processes
   * @throws StoreBusyError when another thread is writing
   */
  beginLong(operation: TimedOperation, timeoutMs: number): LongWrite;
  /**
   * What somebody did to the store's file while it was open. `replaced`: it was removed, or another has its name, and
   * what is written to it now is lost. `damaged`: it was cut short, or lost its log.
   */
  readonly fileState: 'ok' | 'replaced' | 'damaged';
  /** True while the store is near its size limit and evicts by use: reads are to be reported soon. */
  readonly isNearLimit: boolean;
  /** Moves the damaged file out of the way and gives its new name; undefined when another process did. Then the store is to be closed. */
  quarantine(): string | undefined;
  /** True while there is work (eviction, removal of unused blobs) left that the next `apply`, even an empty one, does. */
  hasPendingCleanup: boolean;
  /** Reads on the coordinator's own connection. */
  readonly reader: StoreReader;
  totals(): Promise<StoreTotals>;
  lease(key: string): LeaseRecord | undefined;
  /** Whether so much disk space is free that it is worth giving back. */
  readonly isShrinkable: boolean;
  /** Gives it back, in steps between which others write. */
  shrink(): Promise<void>;
  /** As `Cache.check()`; `changed` when mending removed entries. */
  check(repair: boolean): Promise<CheckReport & { changed: boolean }>;
  /**
   * Removes files of dead processes and blobs that nothing refers to, and gives disk space back. Resolves to how many
   * entries were evicted for that.
   */
  collectGarbage(): Promise<number>;
  close(): void;
  /** As {@link close}, of a store that is soon opened again: without the work that closing a database for good takes. */
  park(): void;
}

/** Another thread or process is writing to the database: try again soon. */
export class StoreBusyError extends Error {}

/** The share of the size limit from which on it matters for eviction what was read a moment ago. */
const NEAR_LIMIT = 0.75;

/** What {@link Store.isNearLimit} is. */
export function isNearLimit(policy: string, size: number, maxSize: number): boolean {
  const countsReads = policy === 'least-recently-used' || policy === 'least-frequently-used';
  return countsReads && size > NEAR_LIMIT * maxSize;
}

/** Bytes that an entry takes in its row and in indexes, besides its key (twice) and its value. */
export const ROW_BYTES = 72;

// The bytes of a value that have a page of their own, and of the page.
const SMALL_ROW_BYTES = 2048;
const PAGE_VALUE_BYTES = 4092;
const PAGE_BYTES = 4096;

/** Bytes that an entry takes on disk, about: those of its value, its key and its row. A value of several pages takes whole ones. */
export function footprintOf(key: string, size: number): number {
  const row = ROW_BYTES + 2 * key.length;
  if (size <= SMALL_ROW_BYTES) return row + size;
  return row + Math.ceil(size / PAGE_VALUE_BYTES) * PAGE_BYTES;
}
