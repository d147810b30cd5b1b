// How a thread reads: its own copies first, then its own connection (or the port), then blob files.
import { createHash } from 'node:crypto';
import { type EntryMetadata, FOREIGN_STALENESS_MS } from './cache.ts';
import { checksum, decode, timed } from './codec.ts';
import { writeBytes } from './destination.ts';
import { LARGEST_VALUE, ValueTooLargeError, WrongKindError } from './errors.ts';
import { Counter, type StoreLink } from './link.ts';
import { handOut, type LocalEntry, LocalTier } from './local-tier.ts';
import { Pace } from './pace.ts';
import type { SharedTier } from './shared-tier.ts';
import { type FoundValue, isExpired, PAGE_SIZE, type PageEntry, type StoreReader } from './store.ts';
import { clearTimeout, setTimeout, wallClock } from './time.ts';
import { hashOf, type Versions } from './versions.ts';

/** What reads give for a key that has no entry: no stored value can be mistaken for it. */
export const MISS = Symbol('miss');

/** What was true before an entry was read. */
interface Moment {
  hash: number;
  slot: number;
  version: number;
  /** Commits of other processes that this thread knew of; undefined when nothing may be kept in memory. */
  foreign: number | undefined;
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
  #foreignCommits: number | undefined;
  // By the system's clock, which is faster to read than the steady one. Were it set back, it is time to look.
  #lookedAt = Number.NEGATIVE_INFINITY;
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(link: StoreLink, clock: () => number, localTierSize: number) {
    this.link = link;
    this.#versions = link.shared.versions;
    this.#sharedTier = link.shared.tier;
    this.#counters = link.counters;
    this.#clock = clock;
    this.#tier = localTierSize > 0 ? new LocalTier(localTierSize) : undefined;
  }

  /**
   * The value of a copy that is surely good, or {@link MISS}: then {@link read} tells. As short as it can be, because
   * it is most of what a busy cache does.
   */
  recall(key: string): unknown {
    const entry = this.#tier?.recent(key);
    if (entry === undefined || this.#versions.at(entry.slot) !== entry.version) return MISS;
    const now = wallClock.now();
    if (now >= this.#lookAt || now < this.#lookedAt || entry.found.expires !== null) return MISS;
    this.#counters[Counter.hits]!++;
    // The first read since the last report has to be noted.
    if (entry.hits === 0) this.#note(entry);
    entry.hits++;
    entry.accessed = this.#clock === wallClock.now ? now : this.#clock();
    return handOut(entry);
  }

  /** The value or {@link MISS}; a promise only when it takes more than this thread's memory and connection. */
  read(key: string): unknown {
    const foreign = this.#isCurrent() ? this.#foreignCommits : undefined;
    const entry = foreign === undefined ? undefined : this.#tier?.get(key);
    if (entry && this.#versions.at(entry.slot) === entry.version) {
      if (isExpired(entry.found.expires, this.#clock())) return this.#miss();
      this.#hit(entry);
      return handOut(entry);
    }
    const hash = hashOf(key);
    const slot = this.#versions.slotOf(hash);
    // Before the read: a write that comes after it makes the copy outdated, never the other way round.
    const at: Moment = { hash, slot, version: this.#versions.at(slot), foreign };
    if (foreign !== undefined) {
      const shared = this.#sharedTier.get(key, hash, at.version, foreign);
      if (shared && isSound(key, shared)) return this.#receive(key, shared, at, true);
    }
    const found = this.#lookUp(key);
    if (found instanceof Promise) return found.then(value => this.#receive(key, value, at, false));
    return this.#receive(key, found, at, false);
  }

  #receive(key: string, found: FoundValue | undefined, at: Moment, isShared: boolean): unknown {
    const keeps = isShared || this.#isWorthKeeping(found, at);
    // What is not kept here must not be followed by an older copy either.
    if (!keeps) this.#outdate(key);
    if (!found || isExpired(found.expires, this.#clock())) return this.#miss();
    if (found.blob !== null) return this.#readBlob(key, found);
    const value = isShared || isSound(key, found) ? this.#decode(found, !keeps) : MISS;
    if (value === MISS) return this.#damaged(key, found);
    if (!keeps) {
      this.#hit({ key, hits: 0, accessed: 0 });
      return value;
    }
    if (!isShared) this.#sharedTier.put(key, at.hash, at.version, at.foreign!, found);
    const entry = this.#keep(key, found, value, at);
    this.#hit(entry);
    return value;
  }

  #isWorthKeeping(found: FoundValue | undefined, { hash, foreign }: Moment): boolean {
    if (!found || found.blob !== null || found.size > LARGEST_COPY) return false;
    return foreign !== undefined && this.#sharedTier.noteRead(hash);
  }

  #keep(key: string, found: FoundValue, value: unknown, { slot, version }: Moment): LocalEntry {
    const isDecoded = typeof value !== 'object' || value === null;
    const decoded = isDecoded ? value : undefined;
    const template = undefined;
    const entry = { key, found, decoded, isDecoded, template, slot, version, hits: 0, accessed: 0 };
    this.#tier?.set(key, entry);
    return entry;
  }

  /** The unexpired entry's row, without counting a hit or miss. */
  async find(key: string): Promise<FoundValue | undefined> {
    const found = await this.#lookUp(key);
    // What was seen here must not be followed by something older.
    this.#lookAgain();
    this.#outdate(key);
    return found && !isExpired(found.expires, this.#clock()) ? found : undefined;
  }

  /** Decodes a row that was found, blobs included. */
  async valueOf(key: string, found: FoundValue): Promise<unknown> {
    return this.#load(key, found).catch((error: unknown) => {
      if (error instanceof ValueTooLargeError) throw error;
      return this.link.readFailed(error) ?? MISS;
    });
  }

  // Rejects when a blob cannot be read for a reason that says nothing about it.
  async #load(key: string, found: FoundValue): Promise<unknown> {
    if (!isSound(key, found)) return MISS;
    if (found.blob === null) return this.#decode(found, true);
    if (found.size > LARGEST_VALUE) {
      throw new ValueTooLargeError(`The file stored under '${key}'`, found.size, 'Get it with getFile().');
    }
    const bytes = await this.link.blobs?.read(found.blob, found.size);
    return bytes ? this.#decode({ ...found, data: bytes }, true) : MISS;
  }

  /** @param sha256 of the only content that is wanted */
  async readFile(key: string, destination: string, sha256?: string): Promise<boolean> {
    const first = await this.find(key);
    if (!first) return this.#miss() !== MISS;
    const written = await this.#use(key, first, async found => {
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
    });
    return written === true;
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

  /** True when this thread read something that it has not reported. */
  get hasAccesses(): boolean {
    return this.#accesses.length > 0;
  }

  /** Tells the writer what was read since the last time, for eviction and metadata. Urgent: resolves when it is committed. */
  async reportAccesses(isUrgent: boolean): Promise<void> {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    if (this.#accesses.length === 0 && !isUrgent) return;
    const entries = this.#accesses.map(({ key, hits, accessed }): [string, number, number] => [
      key,
      hits,
      accessed,
    ]);
    for (const access of this.#accesses) access.hits = 0;
    this.#accesses = [];
    this.#others.clear();
    await this.link.write({ type: 'access', entries, isUrgent }, this.#clock());
  }

  async close(): Promise<void> {
    await this.reportAccesses(true);
    this.#tier?.clear();
    await this.link.close();
  }

  #lookUp(key: string): FoundValue | undefined | Promise<FoundValue | undefined> {
    return this.#guard(reader => reader.read(key));
  }

  // Trouble while reading is a miss, and the coordinator's to look at.
  #guard<T>(read: (reader: StoreReader) => T | Promise<T>): T | undefined | Promise<T | undefined> {
    if (this.#versions.isDegraded) return undefined;
    try {
      const result = read(this.link.reader());
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => this.link.readFailed(error));
    } catch (error) {
      this.link.readFailed(error);
      return undefined;
    }
  }

  #decode({ encoding, data }: FoundValue, isOurs: boolean): unknown {
    try {
      return data === null ? MISS : decode(encoding, data, isOurs);
    } catch {
      return MISS;
    }
  }

  async #readBlob(key: string, first: FoundValue): Promise<unknown> {
    try {
      return await this.#use(key, first, found => this.#load(key, found));
    } catch (error) {
      if (error instanceof ValueTooLargeError) throw error;
      this.link.readFailed(error);
      return this.#miss();
    }
  }

  // A blob goes when its entry is replaced or removed: then the new state of the entry is the answer. An entry that has
  // what cannot be used is damaged, unless somebody wrote meanwhile: it may have been another one for a moment.
  async #use(key: string, first: FoundValue, use: (found: FoundValue) => Promise<unknown>): Promise<unknown> {
    let found: FoundValue | undefined = first;
    for (let attempt = 1; found; attempt++) {
      const state = this.#stateOf(key);
      const value = await use(found);
      if (value !== MISS) {
        this.#hitOther(key);
        return value;
      }
      const again = await this.find(key);
      const isSame = again !== undefined && again.blob === found.blob;
      if (isSame && (attempt >= MAX_ATTEMPTS || this.#stateOf(key) === state))
        return this.#damaged(key, found);
      found = again;
    }
    return this.#miss();
  }

  // Changes whenever the entry does.
  #stateOf(key: string): string {
    return `${this.#versions.at(this.#versions.slotOf(hashOf(key)))} ${this.#foreign()}`;
  }

  #damaged(key: string, found: FoundValue): typeof MISS {
    // Gone for good: whoever waits for it to be produced must not go on finding it there.
    const { checksum, blob } = found;
    void this.link.write({ type: 'discard', key, checksum, blob }, this.#clock());
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
    const foreignCommits = this.link.allowsLocalTier ? this.#foreign() : undefined;
    if (foreignCommits === undefined || foreignCommits !== this.#foreignCommits) this.#tier.clear();
    if (foreignCommits === undefined) this.#lookAgain();
    this.#foreignCommits = foreignCommits;
    return foreignCommits !== undefined;
  }

  #foreign(): number | undefined {
    return this.#guard(reader => reader.foreignCommits()) as number | undefined;
  }

  // After a look at the database the next copy handed out must not be older than what was seen there.
  #lookAgain(): void {
    this.#lookAt = Number.NEGATIVE_INFINITY;
  }

  // The database is a moment ahead of the versions while a thread of this process commits, or longer if that thread has
  // to wait for a core. What was seen there makes all copies of the key out of date, as the commit is about to do.
  #outdate(key: string | 'all'): void {
    if (this.#versions.turn.isTaken) this.#versions.bump(key === 'all' ? key : [key]);
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
