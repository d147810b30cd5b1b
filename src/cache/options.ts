// Options of a cache.
import type { ByteSize, Duration, EvictionPolicy } from './cache.ts';

/** Options of `openCache`. All are optional; the environment and then the defaults supply the others. */
export interface CacheOptions {
  /** Name of the namespace: letters, digits, `.`, `_`, `-`. Default: `'default'`. */
  tag?: string | undefined;
  /** Directory that holds one directory per tag. Default: `GLOVEBOX_CACHE_DIR`, else the platform's cache directory. */
  cacheRoot?: string | undefined;
  /** False gives a cache that stores nothing. Default: true, unless `GLOVEBOX_CACHE_DISABLED` or `GLOVEBOX_CACHE_<TAG>_DISABLED` says otherwise. */
  enabled?: boolean | undefined;
  /**
   * Size limit of the store, in bytes or as `'500MB'`: of everything that it takes on disk, keys and rows included.
   * `stats().size` reports that within 10 %, whatever size the entries have. Over the limit, entries are evicted until
   * 3 % are free again, at most 256 in one transaction, and as many that have expired. A process measures the size
   * after it has written 1/32 of the limit, or 16 MiB if that is less: N processes that write at once can exceed the
   * limit by N times as much until then. SQLite's log comes beside it: up to 16 MiB while the store is written to, or
   * 32 MiB while others read all the time. At rest, half a second later, the log of a store that may have less than 256
   * MB is emptied, and of entries that were cleared, evicted or cleaned up nothing is left on disk but room for the
   * next ones: 256 KiB, or an eighth of the file.
   *
   * Default: what another caller of the process states, whether it comes before or after (from its first operation on),
   * else `'2GB'`. Two callers that state different limits get a `ConflictingOptionsError`.
   */
  maxSize?: ByteSize | undefined;
  /**
   * Milliseconds (or `'30s'`) that an operation waits for other processes before it gives up. The first one also waits
   * that long for processes that keep the store from being opened, before it goes on without. Default: 30 000.
   */
  timeout?: Duration | undefined;
  /** Which entries are evicted first at the size limit. Default: as for `maxSize`, else `'least-recently-used'`. */
  policy?: EvictionPolicy | undefined;
  /** TTL of entries that are stored without one. Default: `'never'`. */
  ttl?: Duration | undefined;
  /**
   * `sqlite` is on disk and shared by processes; `memory` is in the coordinator's thread, for as long as that lives, also
   * while no cache of it is open. A tag has one of them at a time. Default: `'sqlite'`.
   */
  backend?: 'sqlite' | 'memory' | undefined;
  /**
   * Use the cache root also when it belongs to another user or others can write there: entries that they put there are
   * then read as if they were yours. Default: as for `maxSize`, else false, unless `GLOVEBOX_CACHE_UNTRUSTED` says
   * otherwise.
   */
  allowUntrusted?: boolean | undefined;
  /**
   * Bytes that each thread's own in-memory copies may take, of values that it wrote or reads more than once; 0 for
   * none. Default: `'16MB'`. Beside them the process has up to 16 MiB for each store that is open, of copies that all
   * its threads share; a cache with 0 uses neither.
   */
  localTierSize?: ByteSize | undefined;
  /**
   * Share entries with other machines through the remote cache that `GLOVEBOX_REMOTE` names (for
   * `createCacheFromUserConfig`: that or the configuration). `get`, `getOrSet` and `getFile` look there for entries
   * that are not here, and entries that are stored or produced here are uploaded in the background where
   * `GLOVEBOX_REMOTE_MODE` is `read-write`. All else, `delete` and `clear` above all, is local. Entries are immutable
   * there: a key must be a digest of everything that makes its value (see `cacheKey`). Without a remote cache, and
   * offline, the cache is as it is without this option. Default: false.
   */
  remote?: boolean | undefined;
  /** The time in milliseconds since the epoch, for expiry and metadata. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}
