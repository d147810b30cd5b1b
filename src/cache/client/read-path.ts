// Read path of a thread: its own copies first, then its own connection (or the port), then blob files. Written once for
// callers that await and for callers that cannot: only the `Source` of a value makes a promise of it.
import { createHash } from 'node:crypto';
import { LARGEST_VALUE, ValueTooLargeError, WrongKindError } from '../../errors.ts';
import { writeBytesAtomically } from '../../system/atomic-write.ts';
import { clearTimeout, setTimeout, wallClock } from '../../system/time.ts';
import { TimeSlice } from '../../system/time-slice.ts';
import { CROSS_PROCESS_STALENESS_MS, type EntryMetadata } from '../cache.ts';
import {
  type Accesses,
  type FoundValue,
  isExpired,
  PAGE_SIZE,
  type PageEntry,
  type WriteOperation,
} from '../operations.ts';
import { COUNTER } from '../shared/layout.ts';
import type { SharedTier } from '../shared/shared-tier.ts';
import { hashOf, type Versions } from '../shared/versions.ts';
import type { StoreReader } from '../storage/store.ts';
import { checksum, decode, foundOf, withExpiry } from '../values/codec.ts';
import { freezePlain } from '../values/plain-clone.ts';
import { cloneForCaller, type LocalEntry, LocalTier, lend } from './local-tier.ts';
import { andThen, orElse } from './maybe-async.ts';
import type { StoreClient } from './store-client.ts';

/** The result of a read for a key without an entry. No stored value can be mistaken for it. */
export const MISS = Symbol('miss');

/** The key's version before an entry was read. */
interface ReadVersion {
  hash: number;
  slot: number;
  version: number;
  /** Whether copies may be kept in memory. */
  isCurrent: boolean;
}

/** The origin of values that are not in memory: asynchronous, or synchronous with the thread blocked. */
interface Source {
  reader(): StoreReader;
  blob(hash: string, size: number): Buffer | undefined | Promise<Buffer | undefined>;
}

interface Access {
  key: string;
  hits: number;
  accessed: number;
}

// Reads are reported to the writer in batches: at the latest after this time, or after so many keys.
const REPORT_INTERVAL_MS = 1000;
const REPORT_SIZE = 10_000;

// Bytes. A copy of a larger value would displace many others, and be hardly faster than the database.
const LARGEST_COPY = 16 * 1024;

// Attempts to read an entry that is replaced each time before its blob is read.
const MAX_ATTEMPTS = 10;

export class ReadPath {
  readonly client: StoreClient;
  readonly #clock: () => number;
  readonly #tier: LocalTier | undefined;
  readonly #versions: Versions;
  readonly #sharedTier: SharedTier;
  readonly #counters: Float64Array;
  #accesses: Access[] = [];
  #others = new Map<string, Access>();
  #reporting: NodeJS.Timeout | undefined;
  // On the system's clock, which is faster to read than the monotonic one. A clock that was set back forces a
  // revalidation.
  #revalidatedAt = Number.NEGATIVE_INFINITY;
  #revalidateAt = Number.NEGATIVE_INFINITY;
  readonly #later: Source;
  readonly #now: Source;

  /** @param timeoutMs how long a thread may be blocked by one read */
  constructor(client: StoreClient, clock: () => number, localTierSize: number, timeoutMs: number) {
    this.client = client;
    const { blobs } = client;
    this.#later = {
      reader: () => client.reader(),
      blob: async (hash, size) => blobs?.read(hash, size),
    };
    this.#now = {
      reader: () => client.readerNow(timeoutMs),
      blob: (hash, size) => blobs?.readNow(hash, size),
    };
    this.#versions = client.shared.versions;
    this.#sharedTier = client.shared.tier;
    this.#counters = client.counters;
    this.#clock = clock;
    this.#tier = localTierSize > 0 ? new LocalTier(localTierSize) : undefined;
    client.addReads(() => this.#takeAccesses());
  }

  /**
   * The value of a copy that is certainly valid, or {@link MISS}: then call {@link read}. As short as it can be,
   * because a busy cache spends most of its time here.
   */
  readHot(key: string): unknown {
    const entry = this.#hot(key);
    return entry === undefined ? MISS : cloneForCaller(entry);
  }

  #hot(key: string): LocalEntry | undefined {
    const entry = this.#tier?.peek(key);
    if (entry === undefined || this.#versions.at(entry.slot) !== entry.version) return undefined;
    const now = wallClock.now();
    if (now >= this.#revalidateAt || now < this.#revalidatedAt || entry.expires !== null) return undefined;
    this.#counters[COUNTER.hits]!++;
    // The first read since the last report has to be recorded.
    if (entry.hits === 0) this.#recordAccess(entry);
    entry.hits++;
    entry.accessed = this.#clock === wallClock.now ? now : this.#clock();
    return entry;
  }

  /** Tier whose copy a read would return now; undefined: none. For telemetry; does not count as a read. */
  tierOf(key: string): 'local' | 'shared' | undefined {
    if (!this.#isCurrent()) return undefined;
    const entry = this.#tier?.get(key);
    if (entry && this.#versions.at(entry.slot) === entry.version) return 'local';
    const hash = hashOf(key);
    const version = this.#versions.at(this.#versions.slotOf(hash));
    return this.#sharedTier.get(key, hash, version) && 'shared';
  }

  /** The value in memory, without a copy of it, or {@link MISS}. */
  borrow(key: string): unknown {
    const hot = this.#hot(key);
    if (hot !== undefined) return lend(hot);
    const value = this.readNow(key);
    if (value === MISS) return MISS;
    const entry = this.#tier?.peek(key);
    const isCurrent = entry !== undefined && this.#versions.at(entry.slot) === entry.version;
    return isCurrent ? lend(entry) : freezePlain(value);
  }

  /** The value or {@link MISS}; a promise only when it takes more than this thread's memory and connection. */
  read(key: string): unknown {
    return this.#read(key, this.#later);
  }

  /** The value or {@link MISS}, for which the thread may be blocked. */
  readNow(key: string): unknown {
    return this.#read(key, this.#now);
  }

  #read(key: string, source: Source): unknown {
    const found = this.#readMemory(key);
    if (!('hash' in found)) return found.value;
    const row = this.#query(key, source);
    return andThen(row, value => this.#receive(key, value, found, false, source));
  }

  /** The values or {@link MISS}. One statement reads all that are not in memory. Promises as in {@link read}. */
  readMany(keys: readonly string[]): unknown[] | Promise<unknown[]> {
    return this.#readMany(keys, this.#later);
  }

  /** As {@link readMany}; the thread may be blocked. */
  readManyNow(keys: readonly string[]): unknown[] {
    return this.#readMany(keys, this.#now) as unknown[];
  }

  #readMany(keys: readonly string[], source: Source): unknown[] | Promise<unknown[]> {
    const found = keys.map(key => this.#readMemory(key));
    const missing = keys.filter((_, index) => 'hash' in found[index]!);
    const rows = missing.length === 0 ? undefined : this.#guard(reader => reader.readMany(missing), source);
    return andThen(rows, values =>
      keys.map((key, index) => {
        const one = found[index]!;
        return 'hash' in one ? this.#receive(key, values?.get(key), one, false, source) : one.value;
      }),
    );
  }

  // The value in memory, or the version to compare with after it was read elsewhere.
  #readMemory(key: string): { value: unknown } | ReadVersion {
    const isCurrent = this.#isCurrent();
    const entry = isCurrent ? this.#tier?.get(key) : undefined;
    if (entry && this.#versions.at(entry.slot) === entry.version) {
      if (isExpired(entry.expires, this.#clock())) return { value: this.#miss() };
      this.#hit(entry);
      return { value: cloneForCaller(entry) };
    }
    const hash = hashOf(key);
    const slot = this.#versions.slotOf(hash);
    // Taken before the read: a later write then makes the copy outdated, never the other way round.
    const at: ReadVersion = { hash, slot, version: this.#versions.at(slot), isCurrent };
    const shared = isCurrent ? this.#sharedTier.get(key, hash, at.version) : undefined;
    if (!shared || !isIntact(key, shared)) return at;
    // The shared tier holds no blobs.
    return { value: this.#receive(key, shared, at, true, this.#later) };
  }

  #receive(
    key: string,
    found: FoundValue | undefined,
    at: ReadVersion,
    isShared: boolean,
    source: Source,
  ): unknown {
    const keeps = isShared || this.#isWorthKeeping(found, at);
    // Not cached, so invalidate older copies: a later read must not go back in time.
    if (!keeps) this.#invalidate(key);
    if (!found || isExpired(found.expires, this.#clock())) return this.#miss();
    if (found.blob !== null) return this.#readBlob(key, found, source);
    const value = isShared || isIntact(key, found) ? this.#decode(found, !keeps) : MISS;
    if (value === MISS) return this.#damaged(key, found);
    if (!keeps) {
      this.#hit({ key, hits: 0, accessed: 0 });
      return value;
    }
    if (!isShared) this.#sharedTier.put(key, at.hash, at.version, found);
    const entry = this.#keep(key, found, value, at);
    this.#hit(entry);
    return value;
  }

  #isWorthKeeping(found: FoundValue | undefined, { hash, isCurrent }: ReadVersion): boolean {
    if (!found || found.blob !== null || found.size > LARGEST_COPY) return false;
    return isCurrent && this.#sharedTier.noteRead(hash);
  }

  #keep(key: string, found: FoundValue, value: unknown, { slot, version }: ReadVersion): LocalEntry {
    const isDecoded = typeof value !== 'object' || value === null;
    const decoded = isDecoded ? value : undefined;
    const entry: LocalEntry = {
      ...{ key, found, decoded, isDecoded, template: undefined, lent: decoded },
      ...{ slot, version, expires: found.expires, hits: 0, accessed: 0, cost: 0 },
    };
    this.#tier?.set(key, entry);
    return entry;
  }

  /**
   * This thread has stored a value: the copy of its key that is in use becomes that value, at the version that it had
   * right after the commit.
   */
  stored({ key, value, expires }: WriteOperation & { type: 'set' }, version: number): void {
    const entry = this.#tier?.peek(key);
    // An unread copy is not worth updating: the next read finds the value in the shared tier.
    if (entry === undefined || entry.hits === 0) return;
    const { data, size } = value;
    if (data === null || size > LARGEST_COPY) {
      this.#tier!.delete(key);
      return;
    }
    entry.found = foundOf(value, expires);
    entry.isDecoded = typeof data === 'string';
    entry.decoded = entry.isDecoded ? data : undefined;
    entry.lent = entry.decoded;
    entry.template = undefined;
    entry.version = version;
    entry.expires = expires;
    this.#tier!.changed(entry);
  }

  /** The unexpired entry's row, without counting a hit or miss. */
  async readRow(key: string): Promise<FoundValue | undefined> {
    return this.#readRow(key, this.#later);
  }

  /** As {@link readRow}; the thread may be blocked. */
  readRowNow(key: string): FoundValue | undefined {
    return this.#readRow(key, this.#now) as FoundValue | undefined;
  }

  #readRow(key: string, source: Source): FoundValue | undefined | Promise<FoundValue | undefined> {
    return andThen(this.#query(key, source), found => {
      // The next copy returned must not be older than the row seen here.
      this.#forceRevalidation();
      this.#invalidate(key);
      return found && !isExpired(found.expires, this.#clock()) ? found : undefined;
    });
  }

  /** Decodes a row, blobs included. */
  async valueOf(key: string, found: FoundValue): Promise<unknown> {
    return orElse(
      () => this.#load(key, found, this.#later),
      error => {
        if (error instanceof ValueTooLargeError) throw error;
        return this.client.readFailed(error) ?? MISS;
      },
    );
  }

  // Throws when a blob cannot be read for a reason unrelated to its content.
  #load(key: string, found: FoundValue, source: Source): unknown {
    if (!isIntact(key, found)) return MISS;
    if (found.blob === null) return this.#decode(found, true);
    if (found.size > LARGEST_VALUE) {
      throw new ValueTooLargeError(`The file stored under '${key}'`, found.size, 'Get it with getFile().');
    }
    const bytes = source.blob(found.blob, found.size);
    return andThen(bytes, data => (data ? this.#decode({ ...found, data }, true) : MISS));
  }

  /** @param sha256 of the only content that is accepted */
  async readFile(key: string, destination: string, sha256?: string): Promise<boolean> {
    const first = await this.readRow(key);
    if (!first) return this.#miss() !== MISS;
    const copy = async (found: FoundValue): Promise<unknown> => {
      if (!isIntact(key, found)) return MISS;
      if (found.mode === null) {
        throw new WrongKindError(`The entry '${key}' is a value, not a file: read it with get().`);
      }
      if (sha256 !== undefined && sha256 !== contentHash(found)) return false;
      const isWritten =
        found.blob === null
          ? await writeBytesAtomically(destination, found.data!, found.mode)
          : await this.client.blobs?.copyTo(found.blob, found.size, destination, found.mode);
      return isWritten ? true : MISS;
    };
    return (await this.#withBlobRetry(key, first, copy, this.#later)) === true;
  }

  async metadata(key: string): Promise<EntryMetadata | undefined> {
    // This thread's own reads belong in the counts.
    await this.reportAccesses(true);
    const metadata = await this.#guard(reader => reader.metadata(key));
    this.#forceRevalidation();
    this.#invalidate(key);
    return metadata && !isExpired(metadata.expires ?? null, this.#clock()) ? metadata : undefined;
  }

  async *pages(prefix: string, keysOnly: boolean): AsyncIterableIterator<PageEntry> {
    let after = '';
    const slice = new TimeSlice();
    for (;;) {
      const page = await this.#guard(reader => reader.page(prefix, after, this.#clock(), keysOnly));
      this.#forceRevalidation();
      // A page also shows which entries are missing.
      this.#invalidate('all');
      yield* page ?? [];
      if (!page || page.length < PAGE_SIZE) return;
      after = page.at(-1)!.key;
      await slice.yieldIfOver();
    }
  }

  /**
   * Reports the reads since the last report to the writer, for eviction and metadata. Urgent: resolves when it is
   * committed.
   */
  async reportAccesses(isUrgent: boolean): Promise<void> {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    if (this.#accesses.length === 0 && !isUrgent) return;
    await this.client.send({ type: 'access', entries: this.#takeAccesses(), isUrgent }, this.#clock());
  }

  #takeAccesses(): Accesses {
    const entries = this.#accesses.map(({ key, hits, accessed }): [string, number, number] => [
      key,
      hits,
      accessed,
    ]);
    for (const access of this.#accesses) access.hits = 0;
    this.#accesses = [];
    this.#others.clear();
    return entries;
  }

  async close(): Promise<void> {
    await this.reportAccesses(true);
    this.#tier?.clear();
    await this.client.close();
  }

  #query(key: string, source: Source): FoundValue | undefined | Promise<FoundValue | undefined> {
    return this.#guard(reader => reader.read(key), source);
  }

  // A read that fails is a miss. The coordinator deals with the cause.
  #guard<T>(
    read: (reader: StoreReader) => T | Promise<T>,
    source = this.#later,
  ): T | undefined | Promise<T | undefined> {
    if (this.#versions.isDegraded) return undefined;
    return orElse(
      () => read(source.reader()),
      error => this.client.readFailed(error),
    );
  }

  #decode({ encoding, data }: FoundValue, isOwned: boolean): unknown {
    try {
      return data === null ? MISS : decode(encoding, data, isOwned);
    } catch {
      return MISS;
    }
  }

  #readBlob(key: string, first: FoundValue, source: Source): unknown {
    return orElse(
      () => this.#withBlobRetry(key, first, found => this.#load(key, found, source), source),
      error => {
        if (error instanceof ValueTooLargeError) throw error;
        this.client.readFailed(error);
        return this.#miss();
      },
    );
  }

  // A blob is removed when its entry is replaced or removed: then the entry's new state is the answer. An entry with
  // unusable content is damaged, unless a write came in between: it may have been another entry for a moment.
  #withBlobRetry(
    key: string,
    found: FoundValue,
    use: (found: FoundValue) => unknown,
    source: Source,
    attempt = 1,
  ): unknown {
    const state = this.#stateOf(key);
    return andThen(use(found), value => {
      if (value !== MISS) {
        this.#hitOther(key);
        return value;
      }
      return andThen(this.#readRow(key, source), again => {
        if (again === undefined) return this.#miss();
        const isSame = again.blob === found.blob;
        if (isSame && (attempt >= MAX_ATTEMPTS || this.#stateOf(key) === state)) {
          return this.#damaged(key, found);
        }
        return this.#withBlobRetry(key, again, use, source, attempt + 1);
      });
    });
  }

  // Changes whenever the entry does.
  #stateOf(key: string): string {
    return `${this.#versions.at(this.#versions.slotOf(hashOf(key)))} ${this.#follow()}`;
  }

  #damaged(key: string, found: FoundValue): typeof MISS {
    // Damaged for good: a caller that waits for the key to be produced must not go on finding it.
    const { checksum, blob } = found;
    void this.client.send({ type: 'discard', key, checksum, blob }, this.#clock());
    const what = found.blob === null ? 'entry' : `blob ${found.blob}`;
    this.client.readFailed(new Error(`The ${what} of '${key}' is missing or damaged; it counts as a miss.`));
    return this.#miss();
  }

  /** Whether copies in memory may be used. Drops those of this thread that may be outdated. */
  #isCurrent(): boolean {
    if (!this.#tier) return false;
    const now = wallClock.now();
    if (now < this.#revalidateAt && now >= this.#revalidatedAt) return true;
    this.#revalidatedAt = now;
    // Whole milliseconds, rounded down both times: never later than it should be.
    this.#revalidateAt = now + (this.#versions.hasPeerCoordinators ? 0 : CROSS_PROCESS_STALENESS_MS);
    if (this.client.allowsLocalTier && this.#follow() !== undefined) return true;
    this.#tier.clear();
    this.#forceRevalidation();
    return false;
  }

  // Undefined when other processes' changes cannot be determined.
  #follow(): number | undefined {
    return this.#guard(reader => reader.follow()) as number | undefined;
  }

  // After a read of the database, the next copy returned must not be older than the rows seen there.
  #forceRevalidation(): void {
    this.#revalidateAt = Number.NEGATIVE_INFINITY;
  }

  // Between COMMIT and the version bump the database is newer than the counters, for longer if the committing thread
  // waits for a core. A read that saw that state bumps the versions itself, as the commit is about to do.
  #invalidate(key: string | 'all'): void {
    if (this.client.shared.lock.isHeld) this.#versions.bump(key === 'all' ? key : [hashOf(key)]);
  }

  #hit(access: Access): void {
    this.#counters[COUNTER.hits]!++;
    access.accessed = this.#clock();
    if (access.hits++ === 0) this.#recordAccess(access);
  }

  #recordAccess(access: Access): void {
    this.#accesses.push(access);
    this.#reporting ??= setTimeout(() => void this.reportAccesses(false), REPORT_INTERVAL_MS).unref();
    if (this.#accesses.length >= REPORT_SIZE) void this.reportAccesses(false);
  }

  #hitOther(key: string): void {
    let access = this.#others.get(key);
    if (!access) {
      access = { key, hits: 0, accessed: 0 };
      this.#others.set(key, access);
    }
    this.#hit(access);
  }

  #miss(): typeof MISS {
    this.#counters[COUNTER.misses]!++;
    return MISS;
  }
}

function contentHash({ blob, data }: FoundValue): string {
  return blob ?? createHash('sha256').update(data!).digest('hex');
}

// A damaged page may hold anything. A blob's own bytes are checked when they are read.
function isIntact(key: string, found: FoundValue): boolean {
  return (
    (found.data === null) !== (found.blob === null) &&
    withExpiry(checksum(key, found), found.expires) === found.checksum
  );
}
