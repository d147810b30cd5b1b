// Store: the interface of a backend, as the coordinator and the threads see it.
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
 * Reads of one thread. Synchronous where the thread has the data at hand, promises where it must ask. The result is the
 * caller's own: its bytes are shared with nothing else.
 */
export interface StoreReader {
  read(key: string): FoundValue | undefined | Promise<FoundValue | undefined>;
  /** At most a page of unexpired entries whose keys begin with `prefix` and come after `after`; without their data if `keysOnly`. */
  page(prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] | Promise<PageEntry[]>;
  metadata(key: string): EntryMetadata | undefined | Promise<EntryMetadata | undefined>;
  /** The entries that exist, by key. */
  readMany(keys: readonly string[]): Map<string, FoundValue> | Promise<Map<string, FoundValue>>;
  /**
   * Invalidates the copies of entries that other processes changed. Returns a number that changes with every commit
   * made elsewhere.
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
   * Applies all operations in one transaction, and then bumps the version of every key that changed, was removed, or
   * turned out to differ from the caller's copy (the result tells). Throws {@link StoreBusyError} when another thread
   * or process is writing; nothing happened then.
   */
  apply(batch: readonly TimedOperation[]): WriteResult[];
  /** Whether the operation takes so long that it has to be done with {@link beginLong}. */
  isLong(operation: WriteOperation): boolean;
  /**
   * Begins a long operation. Until it is over nothing else may be applied, and neither `check` nor `collectGarbage` may
   * be called.
   *
   * @param timeoutMs how long to wait for other processes
   * @throws StoreBusyError when another thread is writing
   */
  beginLong(operation: TimedOperation, timeoutMs: number): LongWrite;
  /**
   * State of the store's file. `replaced`: the file was removed or replaced while it was open, and what is written to
   * it now is lost. `damaged`: it was cut short, or lost its log.
   */
  readonly fileState: 'ok' | 'replaced' | 'damaged';
  /** True while the store is near its size limit and evicts by use: reads are to be reported soon. */
  readonly isNearLimit: boolean;
  /**
   * Moves the damaged file out of the way and returns its new name; undefined when another process did. Then the store
   * has to be closed.
   */
  quarantine(): string | undefined;
  /**
   * True while there is work left (eviction, removal of unused blobs) that the next `apply`, even an empty one, does.
   */
  hasPendingCleanup: boolean;
  /** Reads on the coordinator's own connection. */
  readonly reader: StoreReader;
  totals(): Promise<StoreTotals>;
  lease(key: string): LeaseRecord | undefined;
  /** Called now and then: has another thread do the checkpoints while the store is written to without a pause. */
  watchLog?(): void;
  /** Whether enough disk space is free to be worth returning. */
  readonly isShrinkable: boolean;
  /** Returns free disk space, in steps between which others write. */
  shrink(): Promise<void>;
  /** As `Cache.check()`; `changed` when repairs removed entries. */
  check(repair: boolean): Promise<CheckReport & { changed: boolean }>;
  /**
   * Removes files of dead processes and blobs that nothing refers to, and returns disk space. Resolves to the number of
   * entries that were evicted for that.
   */
  collectGarbage(): Promise<number>;
  close(): void;
  /** As {@link close}, for a store that is soon opened again: without the work of closing a database for good. */
  park(): void;
}

/** Another thread or process is writing to the database: try again soon. */
export class StoreBusyError extends Error {}

/** Share of the size limit above which even the latest reads matter for eviction. */
const NEAR_LIMIT = 0.75;

/** The rule behind {@link Store.isNearLimit}. */
export function isNearLimit(policy: string, size: number, maxSize: number): boolean {
  const countsReads = policy === 'least-recently-used' || policy === 'least-frequently-used';
  return countsReads && size > NEAR_LIMIT * maxSize;
}

/** Bytes that an entry takes in its row and in indexes, besides its key (twice) and its value. */
export const ROW_BYTES = 72;

// Bytes of a value from which it has a page of its own, and of the page.
const SMALL_ROW_BYTES = 1024;
const PAGE_VALUE_BYTES = 2044;
const PAGE_BYTES = 2048;

/**
 * Bytes that an entry takes on disk, about: those of its value, its key and its row. A value of several pages takes
 * whole ones.
 */
export function footprintOf(key: string, size: number): number {
  const row = ROW_BYTES + 2 * key.length;
  if (size <= SMALL_ROW_BYTES) return row + size;
  return row + Math.ceil(size / PAGE_VALUE_BYTES) * PAGE_BYTES;
}
