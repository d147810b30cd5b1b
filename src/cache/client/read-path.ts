// How a thread reads: its own copies first, then its own connection (or the port), then blob files. Once for callers that
// await and for those that cannot: only where a value comes from makes a promise of it, see `Source`.
import { createHash } from 'node:crypto';
import { LARGEST_VALUE, ValueTooLargeError, WrongKindError } from '../../errors.ts';
import { writeBytes } from '../../system/destination.ts';
import { Pace } from '../../system/pace.ts';
import { clearTimeout, setTimeout, wallClock } from '../../system/time.ts';
import { type EntryMetadata, FOREIGN_STALENESS_MS } from '../cache.ts';
import { type Accesses, type FoundValue, isExpired, PAGE_SIZE, type PageEntry } from '../operations.ts';
import type { SharedTier } from '../shared/shared-tier.ts';
import { hashOf, type Versions } from '../shared/versions.ts';
import type { StoreReader } from '../storage/store.ts';
import { checksum, decode, timed } from '../values/codec.ts';
import { freezePlain } from '../values/plain-copy.ts';
import { Counter, type StoreLink } from './link.ts';
import { handOut, type LocalEntry, LocalTier, lend } from './local-tier.ts';
import { andThen, orElse } from './now-or-later.ts';

/** What reads give for a key that has no entry: no stored value can be mistaken for it. */
export const MISS = Symbol('miss');

/** What was true before an entry was read. */
interface Moment {
  hash: number;
  slot: number;
  version: number;
  /** Whether copies may be kept in memory. */
  isCurrent: boolean;
}

/** Where what is not in memory comes from: later, or now, with the thread blocked for it. */
interface Source {
  reader(): StoreReader;
  blob(hash: string, size: number): Buffer | undefined | Promise<Buffer | undefined>;
}

interface Access {
  key: string;
  hits: number;
  accessed: number;
}

// Reads are reported to the writer in batches: at the latest after this time, or when so many keys were read.
const REPORT_INTERVAL_MS = 1000;
const REPORT_SIZE = 10_000;

// Bytes. A copy of a larger value would take the place of many others, and be hardly faster than the database.
const LARGEST_COPY = 16 * 1024;

// How often an entry is read anew that is always another one when its blob is read.
const MAX_ATTEMPTS = 10;

export class ReadPath {
  readonly link: StoreLink;
  readonly #clock: () => number;
  readonly #tier: LocalTier | undefined;
  readonly #versions: Versions;
  readonly #sharedTier: SharedTier;
  readonly #counters: Float64Array;
  #accesses: Access[] = [];
  #others = new Map<string, Access>();
  #reporting: NodeJS.Timeout | undefined;
  // By the system's clock, which is faster to read than the steady one. Were it set back, it is time to look.
  #lookedAt = Number.NEGATIVE_INFINITY;
  #lookAt = Number.NEGATIVE_INFINITY;
  readonly #later: Source;
  readonly #now: Source;

  /** @param timeoutMs how long a thread may be blocked by one read */
  constructor(link: StoreLink, clock: () => number, localTierSize: number, timeoutMs: number) {
    this.link = link;
    const { blobs } = link;
    this.#later = {
      reader: () => link.reader(),
      blob: async (hash, size) => blobs?.read(hash, size),
    };
    this.#now = {
      reader: () => link.readerNow(timeoutMs),
      blob: (hash, size) => blobs?.readNow(hash, size),
    };
    this.#versions = link.shared.versions;
    this.#sharedTier = link.shared.tier;
    this.#counters = link.counters;
    this.#clock = clock;
    this.#tier = localTierSize > 0 ? new LocalTier(localTierSize) : undefined;
    link.addReads(() => this.#takeAccesses());
  }

  /**
   * The value of a copy that is surely good, or {@link MISS}: then {@link read} tells. As short as it can be, because
   * it is most of what a busy cache does.
   */
  recall(key: string): unknown {
    const entry = this.#hot(key);
    return entry === undefined ? MISS : handOut(entry);
  }

  #hot(key: string): LocalEntry | undefined {
    const entry = this.#tier?.recent(key);
    if (entry === undefined || this.#versions.at(entry.slot) !== entry.version) return undefined;
    const now = wallClock.now();
    if (now >= this.#lookAt || now < this.#lookedAt || entry.expires !== null) return undefined;
    this.#counters[Counter.hits]!++;
    // The first read since the last report has to be noted.
    if (entry.hits === 0) this.#note(entry);
    entry.hits++;
    entry.accessed = this.#clock === wallClock.now ? now : this.#clock();
    return entry;
  }

  /** The value that is in memory, not a copy of it, or {@link MISS}. */
  borrow(key: string): unknown {
    const hot = this.#hot(key);
    if (hot !== undefined) return lend(hot);
    const value = this.readNow(key);
    if (value === MISS) return MISS;
    const entry = this.#tier?.recent(key);
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
    const found = this.#recollect(key);
    if (!('hash' in found)) return found.value;
    const row = this.#lookUp(key, source);
    return andThen(row, value => this.#receive(key, value, found, false, source));
  }

  /** The values or {@link MISS}: what is not in memory in one statement. Promises as in {@link read}. */
  readMany(keys: readonly string[]): unknown[] | Promise<unknown[]> {
    return this.#readMany(keys, this.#later);
  }

  /** The same, for which the thread may be blocked. */
  readManyNow(keys: readonly string[]): unknown[] {
    return this.#readMany(keys, this.#now) as unknown[];
  }

  #readMany(keys: readonly string[], source: Source): unknown[] | Promise<unknown[]> {
    const found = keys.map(key => this.#recollect(key));
    const missing = keys.filter((_, index) => 'hash' in found[index]!);
    const rows = missing.length === 0 ? undefined : this.#guard(reader => reader.readMany(missing), source);
    return andThen(rows, values =>
      keys.map((key, index) => {
        const one = found[index]!;
        return 'hash' in one ? this.#receive(key, values?.get(key), one, false, source) : one.value;
      }),
    );
  }

  // The value that is in memory, or what is true before it is looked for elsewhere.
  #recollect(key: string): { value: unknown } | Moment {
    const isCurrent = this.#isCurrent();
    const entry = isCurrent ? this.#tier?.get(key) : undefined;
    if (entry && this.#versions.at(entry.slot) === entry.version) {
      if (isExpired(entry.expires, this.#clock())) return { value: this.#miss() };
      this.#hit(entry);
      return { value: handOut(entry) };
    }
    const hash = hashOf(key);
    const slot = this.#versions.slotOf(hash);
    // Before the read: a write that comes after it makes the copy outdated, never the other way round.
    const at: Moment = { hash, slot, version: this.#versions.at(slot), isCurrent };
    const shared = isCurrent ? this.#sharedTier.get(key, hash, at.version) : undefined;
    if (!shared || !isSound(key, shared)) return at;
    // No blob is there.
    return { value: this.#receive(key, shared, at, true, this.#later) };
  }

  #receive(
    key: string,
    found: FoundValue | undefined,
    at: Moment,
    isShared: boolean,
    source: Source,
  ): unknown {
    const keeps = isShared || this.#isWorthKeeping(found, at);
    // What is not kept here must not be followed by an older copy either.
    if (!keeps) this.#outdate(key);
    if (!found || isExpired(found.expires, this.#clock())) return this.#miss();
    if (found.blob !== null) return this.#readBlob(key, found, source);
    const value = isShared || isSound(key, found) ? this.#decode(found, !keeps) : MISS;
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

  #isWorthKeeping(found: FoundValue | undefined, { hash, isCurrent }: Moment): boolean {
    if (!found || found.blob !== null || found.size > LARGEST_COPY) return false;
    return isCurrent && this.#sharedTier.noteRead(hash);
  }

  #keep(key: string, found: FoundValue, value: unknown, { slot, version }: Moment): LocalEntry {
    const isDecoded = typeof value !== 'object' || value === null;
    const decoded = isDecoded ? value : undefined;
    const lent = decoded;
    const template = undefined;
    const { expires } = found;
    const entry = {
      key,
      found,
      decoded,
      isDecoded,
      template,
      lent,
      slot,
      version,
      expires,
      hits: 0,
      accessed: 0,
    };
    this.#tier?.set(key, entry);
    return entry;
  }

  /** The unexpired entry's row, without counting a hit or miss. */
  async find(key: string): Promise<FoundValue | undefined> {
    return this.#find(key, this.#later);
  }

  /** The same, for which the thread may be blocked. */
  findNow(key: string): FoundValue | undefined {
    return this.#find(key, this.#now) as FoundValue | undefined;
  }

  #find(key: string, source: Source): FoundValue | undefined | Promise<FoundValue | undefined> {
    return andThen(this.#lookUp(key, source), found => {
      // What was seen here must not be followed by something older.
      this.#lookAgain();
      this.#outdate(key);
      return found && !isExpired(found.expires, this.#clock()) ? found : undefined;
    });
  }

  /** Decodes a row that was found, blobs included. */
  async valueOf(key: string, found: FoundValue): Promise<unknown> {
    return orElse(
      () => this.#load(key, found, this.#later),
      error => {
        if (error instanceof ValueTooLargeError) throw error;
        return this.link.readFailed(error) ?? MISS;
      },
    );
  }

  // Throws when a blob cannot be read for a reason that says nothing about it.
  #load(key: string, found: FoundValue, source: Source): unknown {
    if (!isSound(key, found)) return MISS;
    if (found.blob === null) return this.#decode(found, true);
    if (found.size > LARGEST_VALUE) {
      throw new ValueTooLargeError(`The file stored under '${key}'`, found.size, 'Get it with getFile().');
    }
    const bytes = source.blob(found.blob, found.size);
    return andThen(bytes, data => (data ? this.#decode({ ...found, data }, true) : MISS));
  }

  /** @param sha256 of the only content that is wanted */
  async readFile(key: string, destination: string, sha256?: string): Promise<boolean> {
    const first = await this.find(key);
    if (!first) return this.#miss() !== MISS;
    const copy = async (found: FoundValue): Promise<unknown> => {
      if (!isSound(key, found)) return MISS;
      if (found.mode === null) {
        throw new WrongKindError(`The entry '${key}' is a value, not a file: read it with get().`);
      }
      if (sha256 !== undefined && sha256 !== contentHash(found)) return false;
      const isWritten =
        found.blob === null
          ? await writeBytes(destination, found.data!, found.mode)
          : await this.link.blobs?.copyTo(found.blob, found.size, destination, found.mode);
      return isWritten ? true : MISS;
    };
    return (await this.#use(key, first, copy, this.#later)) === true;
  }

  async metadata(key: string): Promise<EntryMetadata | undefined> {
    // This thread's own reads are to be in the counts.
    await this.reportAccesses(true);
    const metadata = await this.#guard(reader => reader.metadata(key));
    this.#lookAgain();
    this.#outdate(key);
    return metadata && !isExpired(metadata.expires ?? null, this.#clock()) ? metadata : undefined;
  }

  async *pages(prefix: string, keysOnly: boolean): AsyncIterableIterator<PageEntry> {
    let after = '';
    const pace = new Pace();
    for (;;) {
      const page = await this.#guard(reader => reader.page(prefix, after, this.#clock(), keysOnly));
      this.#lookAgain();
      // Also what it does not have was seen.
      this.#outdate('all');
      yield* page ?? [];
      if (!page || page.length < PAGE_SIZE) return;
      after = page.at(-1)!.key;
      await pace.step();
    }
  }

  /** Tells the writer what was read since the last time, for eviction and metadata. Urgent: resolves when it is committed. */
  async reportAccesses(isUrgent: boolean): Promise<void> {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    if (this.#accesses.length === 0 && !isUrgent) return;
    await this.link.send({ type: 'access', entries: this.#takeAccesses(), isUrgent }, this.#clock());
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
    await this.link.close();
  }

  #lookUp(key: string, source: Source): FoundValue | undefined | Promise<FoundValue | undefined> {
    return this.#guard(reader => reader.read(key), source);
  }

  // Trouble while reading is a miss, and the coordinator's to look at.
  #guard<T>(
    read: (reader: StoreReader) => T | Promise<T>,
    source = this.#later,
  ): T | undefined | Promise<T | undefined> {
    if (this.#versions.isDegraded) return undefined;
    return orElse(
      () => read(source.reader()),
      error => this.link.readFailed(error),
    );
  }

  #decode({ encoding, data }: FoundValue, isOurs: boolean): unknown {
    try {
      return data === null ? MISS : decode(encoding, data, isOurs);
    } catch {
      return MISS;
    }
  }

  #readBlob(key: string, first: FoundValue, source: Source): unknown {
    return orElse(
      () => this.#use(key, first, found => this.#load(key, found, source), source),
      error => {
        if (error instanceof ValueTooLargeError) throw error;
        this.link.readFailed(error);
        return this.#miss();
      },
    );
  }

  // A blob goes when its entry is replaced or removed: then the new state of the entry is the answer. An entry that has
  // what cannot be used is damaged, unless somebody wrote meanwhile: it may have been another one for a moment.
  #use(
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
      return andThen(this.#find(key, source), again => {
        if (again === undefined) return this.#miss();
        const isSame = again.blob === found.blob;
        if (isSame && (attempt >= MAX_ATTEMPTS || this.#stateOf(key) === state)) {
          return this.#damaged(key, found);
        }
        return this.#use(key, again, use, source, attempt + 1);
      });
    });
  }

  // Changes whenever the entry does.
  #stateOf(key: string): string {
    return `${this.#versions.at(this.#versions.slotOf(hashOf(key)))} ${this.#follow()}`;
  }

  #damaged(key: string, found: FoundValue): typeof MISS {
    // Gone for good: whoever waits for it to be produced must not go on finding it there.
    const { checksum, blob } = found;
    void this.link.send({ type: 'discard', key, checksum, blob }, this.#clock());
    const what = found.blob === null ? 'entry' : `blob ${found.blob}`;
    this.link.readFailed(new Error(`The ${what} of '${key}' is missing or damaged; it counts as a miss.`));
    return this.#miss();
  }

  /** Whether copies in memory may be used; forgets those of this thread that may be out of date. */
  #isCurrent(): boolean {
    if (!this.#tier) return false;
    const now = wallClock.now();
    if (now < this.#lookAt && now >= this.#lookedAt) return true;
    this.#lookedAt = now;
    // Whole milliseconds, rounded down both times: never later than it should be.
    this.#lookAt = now + (this.#versions.hasNeighbours ? 0 : FOREIGN_STALENESS_MS);
    if (this.link.allowsLocalTier && this.#follow() !== undefined) return true;
    this.#tier.clear();
    this.#lookAgain();
    return false;
  }

  // Undefined when nobody can tell what other processes have changed.
  #follow(): number | undefined {
    return this.#guard(reader => reader.follow()) as number | undefined;
  }

  // After a look at the database the next copy handed out must not be older than what was seen there.
  #lookAgain(): void {
    this.#lookAt = Number.NEGATIVE_INFINITY;
  }

  // The database is a moment ahead of the versions while a thread of this process commits, or longer if that thread has
  // to wait for a core. What was seen there makes all copies of the key out of date, as the commit is about to do.
  #outdate(key: string | 'all'): void {
    if (this.link.shared.lock.isHeld) this.#versions.bump(key === 'all' ? key : [hashOf(key)]);
  }

  #hit(access: Access): void {
    this.#counters[Counter.hits]!++;
    access.accessed = this.#clock();
    if (access.hits++ === 0) this.#note(access);
  }

  #note(access: Access): void {
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
    this.#counters[Counter.misses]!++;
    return MISS;
  }
}

function contentHash({ blob, data }: FoundValue): string {
  return blob ?? createHash('sha256').update(data!).digest('hex');
}

// What a damaged page holds may be anything. A blob's own bytes are checked when they are read.
function isSound(key: string, found: FoundValue): boolean {
  return (
    (found.data === null) !== (found.blob === null) &&
    timed(checksum(key, found), found.expires) === found.checksum
  );
}
