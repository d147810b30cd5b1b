// Cache: the interface that every backend and every thread offers.

/** Milliseconds, or a string such as `'90s'`, `'1h'`, `'7d'`, or `'never'`. Zero and negative values are errors. */
export type Duration = number | string;

/** Bytes, or a string such as `'500MB'` or `'2GB'` (powers of 1024). */
export type ByteSize = number | string;

/**
 * Which entries are evicted first when a cache exceeds its size limit. `none` never evicts: the limit is not enforced.
 */
export type EvictionPolicy =
  | 'least-recently-used'
  | 'least-recently-stored'
  | 'least-frequently-used'
  | 'none';

export interface SetOptions {
  /** TTL of the entry, from now on. Default: the cache's own TTL; without one the entry never expires. */
  ttl?: Duration | undefined;
}

export interface PrefixOptions {
  /** Only keys that begin with this. Default: `''`, all keys. */
  prefix?: string | undefined;
}

/** Metadata of one entry. All times are milliseconds since the epoch. */
export interface EntryMetadata {
  key: string;
  /** Bytes that count towards the size limit. */
  size: number;
  /** `value` was set, `file` was put by `putFile`. */
  kind: 'value' | 'file';
  created: number;
  lastAccessed: number;
  /**
   * How often a read found it, in all threads and processes. Other threads' reads arrive within about a second, those
   * of other processes within half a minute; reads of the last half minute are lost when a process is killed. Far from
   * the size limit a process counts the reads of 20,000 keys in half a minute, and not those of further keys.
   */
  accessCount: number;
  /** Expiry time; undefined means never. */
  expires: number | undefined;
}

/**
 * Counts of one cache. Sums over all threads of this process since the store was opened, except size, count and blobs.
 */
export interface CacheStats {
  tag: string;
  backend: 'sqlite' | 'memory' | 'disabled';
  /** False when the cache is disabled, or runs without its store because that could not be used. */
  enabled: boolean;
  /** Why the store cannot be used; undefined while all is well. */
  degraded?: string;
  /** Where the entries are; undefined for caches that are not on disk. */
  directory: string | undefined;
  /** Bytes stored, blobs included (each counted once). */
  size: number;
  /** The size limit in bytes. */
  maxSize: number;
  /** Number of entries, expired ones that were not collected yet included. */
  count: number;
  /** Number of blob files. */
  blobs: number;
  hits: number;
  misses: number;
  sets: number;
  deletes: number;
  evictions: number;
  /** Expired entries that were collected. */
  expired: number;
}

/** Result of `check()`. `problems` is empty when database and blobs agree. */
export interface CheckReport {
  /** Entries verified. */
  entries: number;
  /** Blob files verified (read whole, and hashed). */
  blobs: number;
  problems: CheckProblem[];
}

export interface CheckProblem {
  kind:
    | 'damaged-database'
    | 'damaged-value'
    | 'missing-blob'
    | 'damaged-blob'
    | 'orphaned-blob'
    | 'wrong-count'
    | 'wrong-size'
    | 'leftover-file';
  /** The key or file that it concerns. */
  subject: string;
  message: string;
  /** The repair that was made; undefined when none was. */
  mended: string | undefined;
}

/**
 * A persistent map from string keys to structured-clone values, shared by every thread and process that names the
 * same root and tag.
 *
 * When a promise resolves:
 * - **A write** (`set`, `setMany`, `add`, `delete`, `deleteMany`, `touch`, `increment`, `putFile`, `clear`) is
 *   committed: it survives the death of this process, and from that moment no thread of this process reads the
 *   older value, and no other process's uncached read does. WAL with `synchronous=NORMAL`: a power cut may take
 *   the last commits back, never part of one, and never damages what is older.
 *   In a worker thread a small value (up to 64 KiB) that is not queued behind a larger one is committed before the thread
 *   does anything else, awaited or not; for its first write the thread is blocked until its coordinator answers, up to a
 *   second.
 * - **A read** returns a value that was committed, whole, and not older than any write acknowledged to any thread
 *   of this process before the read began. Writes of other processes are seen at once by reads that reach the
 *   database, and within {@link CROSS_PROCESS_STALENESS_MS} by reads served from the thread's in-memory copies.
 * - One thread's writes are applied in the order of the calls, awaited or not.
 *
 * Errors: a caller's mistake (key, TTL, value, kind) is a typed error at the call. Trouble with the store
 * (disk full, no permission, damage) is never an error: reads miss, writes resolve to `false`, `0` or `undefined`
 * as their type says, and one warning is emitted per store.
 *
 * An entry expires when the reading caller's clock reaches its expiry. A clock set forward makes entries expire that
 * much sooner, for its own caller; set back, it shows those again that were not collected meanwhile, and no others.
 * Entries without a TTL do not depend on any clock.
 *
 * Keys are non-empty strings of at most 1 KiB in UTF-8, values of less than 2 GiB: a larger one is a
 * {@link ValueTooLargeError} at the call. Files that `putFile` stores may be of any size; from 2 GiB on only `getFile`
 * reads them, and `get`, `getMany` and `entries` reject. Every value read is a copy of the caller's own. For
 * bytes, a `Buffer` is the fastest to read: small ones are taken from Node's pool, as `Buffer.from` does it, while a
 * `Uint8Array` comes with memory of its own, which takes several times as long to allocate.
 */
export interface Cache {
  /** The name of the namespace. */
  readonly tag: string;

  /**
   * The value stored under `key`. A miss gives `undefined`, or `fallback` when given; a stored `undefined` is a hit.
   */
  get<T = unknown>(key: string, fallback?: undefined): Promise<T | undefined>;
  get<T = unknown>(key: string, fallback: null): Promise<T | null>;
  get<T = unknown>(key: string, fallback: NoInfer<T>): Promise<T>;
  get<T, F>(key: string, fallback: F): Promise<T | F>;

  /**
   * The entries that exist, by key, in the order asked for; misses are absent from the map. Entries that are not in
   * memory are read with one statement for each thousand keys.
   */
  getMany<T = unknown>(keys: Iterable<string>): Promise<Map<string, T>>;

  /** Whether an unexpired entry exists. Does not count as an access. */
  has(key: string): Promise<boolean>;

  /**
   * {@link get} for callers that cannot await: compilers' plug-ins (Babel, Jest, ESLint, TypeScript, PostCSS). This and
   * the other `…Sync` methods make the same promises as their namesakes, in every thread and with every backend, and
   * throw where those reject. A value in the thread's memory or behind its own connection takes microseconds. The
   * thread is blocked only where it needs another one, until that one's event loop turns: to open a store for the first
   * time (unless this thread is the coordinator), for a cache in memory, and after trouble. After the cache's `timeout`
   * at the latest the result is a miss, or a failed write, and one warning. (Measured, two busy cores: the first call
   * of a worker thread 17 ms, as the first `get`, most of it SQLite's; 4 ms for a cache in memory. A thread that was
   * started by one without Glovebox asks the main thread first, for half a second if that has none either.)
   */
  getSync<T = unknown>(key: string, fallback?: undefined): T | undefined;
  getSync<T = unknown>(key: string, fallback: null): T | null;
  getSync<T = unknown>(key: string, fallback: NoInfer<T>): T;
  getSync<T, F>(key: string, fallback: F): T | F;

  /**
   * {@link getSync} without the copy: the fastest read there is. It returns the value that the thread keeps in memory,
   * the same one to all callers: a record is frozen, with everything in it, and writing to it is a `TypeError` in
   * strict mode; bytes are a view of memory that must not be changed and not be transferred. A value that cannot be
   * frozen (a `Map`, a `Date`, a class's typed array) is a copy as usual.
   *
   * Right for values that are only read, and often: a lookup table, a source text, options. Wrong for values that are
   * passed on to code that may change them, such as a syntax tree.
   */
  borrow<T = unknown>(key: string, fallback?: undefined): T | undefined;
  borrow<T = unknown>(key: string, fallback: null): T | null;
  borrow<T = unknown>(key: string, fallback: NoInfer<T>): T;
  borrow<T, F>(key: string, fallback: F): T | F;

  /** {@link getMany}, as {@link getSync} is to `get`. */
  getManySync<T = unknown>(keys: Iterable<string>): Map<string, T>;

  /** {@link has}, as {@link getSync} is to `get`. */
  hasSync(key: string): boolean;

  /**
   * {@link set}, as {@link getSync} is to `get`: true once it is committed. Earlier writes of this thread that were not
   * awaited are written first. A value of more than 64 KiB is written to its file meanwhile, with the thread blocked
   * for it.
   */
  setSync(key: string, value: unknown, options?: SetOptions): boolean;

  /** {@link delete}, as {@link setSync} is to `set`. */
  deleteSync(key: string): boolean;

  /** Stores a value, replacing any older one with its TTL. Resolves to whether it is stored: false when the store cannot be written. */
  set(key: string, value: unknown, options?: SetOptions): Promise<boolean>;

  /**
   * Stores all entries in one transaction: all or none. More than 5,000 are taken and stored over several turns of the
   * event loop: leave their values alone until it resolves. (In memory they become visible one after the other.)
   */
  setMany(entries: Iterable<readonly [key: string, value: unknown]>, options?: SetOptions): Promise<boolean>;

  /** Stores a value only if no unexpired entry has the key; resolves to whether it did. Atomic over all threads and processes. */
  add(key: string, value: unknown, options?: SetOptions): Promise<boolean>;

  /** Removes an entry; resolves to whether there was one. */
  delete(key: string): Promise<boolean>;

  /** Removes entries, a thousand in each transaction; resolves to how many there were. */
  deleteMany(keys: Iterable<string>): Promise<number>;

  /** Gives an existing entry a new time to live, counted from now; resolves to whether there was one. */
  touch(key: string, ttl: Duration): Promise<boolean>;

  /**
   * Adds `by` (default 1) to the number stored under `key` and resolves to the sum; a missing entry counts as 0. Atomic
   * over all threads and processes. Keeps the entry's TTL. A stored value that is not a number is a
   * {@link WrongKindError}. Resolves to undefined when the store cannot be written.
   */
  increment(key: string, by?: number): Promise<number | undefined>;

  /**
   * The stored value, or the result of `produce`, stored. However many threads and processes ask at once, `produce`
   * runs in one of them; the rest wait and get its value. When it throws, its own caller gets the error and the next
   * waiter tries; when its thread or process dies, the next waiter tries. Its own caller gets the value as all others
   * will: a class instance as a plain object, an error without its `code`. `produce` may decline to store its value, and
   * choose its TTL: see {@link ProducerContext}.
   *
   * Inside of `produce`, `getOrSet` may be called for other keys. A call that would wait for itself is a
   * {@link CircularWaitError} within a second, which names the keys: one for the same key, or one whose key's producer
   * waits, in whatever thread or process, for what this call produces. A producer's wait for work that it gave to
   * another thread or process is not visible to the cache: a `getOrSet` of its own key in that work waits for as long
   * as `wait` says.
   */
  getOrSet<T>(key: string, produce: Producer<T>, options?: GetOrSetOptions): Promise<T>;

  /** Keys of unexpired entries in ascending byte order, a page at a time. Entries changed meanwhile may or may not appear. */
  keys(options?: PrefixOptions): AsyncIterableIterator<string>;

  /** Entries as `[key, value]` in ascending byte order of keys, a page at a time. Does not count as access. */
  entries<T = unknown>(options?: PrefixOptions): AsyncIterableIterator<[key: string, value: T]>;

  /** Metadata of an entry, or undefined. Not an access itself. */
  metadata(key: string): Promise<EntryMetadata | undefined>;

  /**
   * Stores the file at `path` with its permission bits, without passing it through the JavaScript heap (copy-on-write
   * where the file system can). Resolves to whether it is stored. The file may be changed or removed afterwards.
   * A `path` that cannot be read is the caller's error and rejects.
   */
  putFile(key: string, path: string, options?: SetOptions): Promise<boolean>;

  /**
   * Writes the file stored under `key` to `destination`, replacing what is there in one step: a reader of `destination`
   * sees the whole old or the whole new file. The content is checked against its hash on the way; a damaged one is a
   * miss and `destination` stays as it was. Resolves to whether it was written. A `destination` that cannot be written,
   * or exists and is neither a regular file nor a link to one (a directory, a device), is the caller's error and
   * rejects. An entry that was `set` is a {@link WrongKindError}. (`get` on a file's key resolves to its content as a
   * `Buffer`.)
   */
  getFile(key: string, destination: string, options?: GetFileOptions): Promise<boolean>;

  /** Removes every entry of this tag, and of no other; resolves to how many there were. */
  clear(): Promise<number>;

  /**
   * Removes expired entries, those over the size limit and leftovers of dead processes; resolves to how many entries
   * were removed.
   */
  cleanup(): Promise<number>;

  stats(): Promise<CacheStats>;

  /**
   * Verifies database and blobs against each other (reads everything), and repairs what it can unless `repair` is
   * false.
   */
  check(options?: CheckOptions): Promise<CheckReport>;

  /**
   * Waits for this thread's reads and writes, and gives up one handle: each call of `openCache` that returned
   * this instance made one. After the last, calls reject with {@link ClosedCacheError}, and the database is closed.
   * Work that began before is finished all the same: an iteration goes on to its end, a `getOrSet` stores what it
   * produces. `close()` does not wait for those two, so that it may be called inside of them. Other threads' caches go
   * on.
   */
  close(): Promise<void>;

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CheckOptions {
  /** Repair what can be repaired. Default: true. */
  repair?: boolean | undefined;
}

export interface GetFileOptions {
  /**
   * The SHA-256, in hexadecimal, of the only content that is accepted: when another one is stored, nothing is written
   * and `getFile` resolves to false. Costs nothing, since the hash is checked anyway. Default: any content.
   */
  sha256?: string | undefined;
}

/** Makes the value of a missing key, for {@link Cache.getOrSet}. */
export type Producer<T> = (context: ProducerContext) => T | Promise<T>;

/** The call of `getOrSet` that a producer works for. It may be destructured. */
export interface ProducerContext {
  /**
   * Aborts when the call's own `signal` does, and when the lease is lost: another caller has taken it over because this
   * one was stopped or too slow, and the value will not be stored. A caller of this process is noticed at once, one of
   * another process within about a second. What a producer throws after its lease was lost is not an error: its caller
   * waits for the new holder's value.
   */
  readonly signal: AbortSignal;
  /** Do not store the value: this caller gets it, and the next waiter produces for itself, as after an error. */
  skip(): void;
  /**
   * The TTL of the value, from the moment that it is stored on, instead of the call's `ttl`. For values that know how
   * long they are good for.
   *
   * @throws InvalidDurationError
   */
  setTtl(ttl: Duration): void;
  /**
   * Whether the lease is still this call's, so that the value would be stored. Asks the store: call it before effects
   * that only the producer of the stored value may have. False where there is no lease: in a disabled cache, and in a
   * call that produces for itself because it has waited for too long.
   */
  isStillHeld(): Promise<boolean>;
}

export interface GetOrSetOptions extends SetOptions {
  /**
   * How long to wait for another caller's `produce` before taking the lease over, so that a hung producer blocks no
   * caller for ever. The late producer still gets its own value but does not store it. Among waiting callers of one
   * process, the first in line may take over. Another one whose time is over, or that waits for a holder that has only
   * just taken over, produces for itself, unstored.
   * Default: `'10m'`.
   */
  wait?: Duration | undefined;
  /**
   * Stops the wait for another caller's `produce`: the call rejects with the signal's reason. While the call itself
   * produces, `produce` decides how to stop: its context has the signal, and the call settles as `produce` does.
   * Default: none.
   */
  signal?: AbortSignal | undefined;
  /** Called once when another caller is producing the value. `pid` is the process of that caller. */
  onWait?: ((holder: { pid: number }) => void) | undefined;
}

/**
 * How old, in milliseconds, a value may be that a thread returns from memory after another process replaced it. A check
 * for such a commit takes 1.2 µs, so at this interval it costs a thread that does nothing but read less than 0.1 %.
 * Measured by `node bench/staleness.ts`, 2026-11-22, two cores: median 0.9 ms, 99 % 1.9 ms, at most 1.9 ms.
 */
export const CROSS_PROCESS_STALENESS_MS = 2;

/** The former name of {@link CROSS_PROCESS_STALENESS_MS}. */
export const FOREIGN_STALENESS_MS = CROSS_PROCESS_STALENESS_MS;
