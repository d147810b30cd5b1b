// Read path of a thread: copies in memory first, then its own connection (or the port), then blob files. Written once
// for callers that await and for callers that cannot: only the `Source` of a value makes a promise of it.
import { createHash } from 'node:crypto';
import { LARGEST_VALUE, ValueTooLargeError, WrongKindError } from '../../errors.ts';
import { writeBytesAtomically } from '../../system/atomic-write.ts';
import { TimeSlice } from '../../system/time-slice.ts';
import type { EntryMetadata } from '../cache.ts';
import { type FoundValue, isExpired, PAGE_SIZE, type PageEntry, type WriteOperation } from '../operations.ts';
import type { StoreReader } from '../storage/store.ts';
import { checksum, decode, withExpiry } from '../values/codec.ts';
import { freezePlain } from '../values/plain-clone.ts';
import { AccessRecorder } from './access-recorder.ts';
import { cloneForCaller, lend } from './local-tier.ts';
import { andThen, orElse } from './maybe-async.ts';
import { MemoryCopies, type ReadVersion } from './memory-copies.ts';
import type { StoreClient } from './store-client.ts';

/** The result of a read for a key without an entry. No stored value can be mistaken for it. */
export const MISS = Symbol('miss');

/** The origin of values that are not in memory: asynchronous, or synchronous with the thread blocked. */
interface Source {
  reader(): StoreReader;
  blob(hash: string, size: number): Buffer | undefined | Promise<Buffer | undefined>;
}

// Attempts to read an entry that is replaced each time before its blob is read.
const MAX_ATTEMPTS = 10;

export class ReadPath {
  readonly client: StoreClient;
  readonly #clock: () => number;
  readonly #accesses: AccessRecorder;
  readonly #copies: MemoryCopies;
  readonly #later: Source;
  readonly #now: Source;

  /** @param timeoutMs how long a thread may be blocked by one read */
  constructor(client: StoreClient, clock: () => number, localTierSize: number, timeoutMs: number) {
    this.client = client;
    this.#clock = clock;
    const { blobs, direct } = client;
    this.#later = {
      reader: () => direct.reader(),
      blob: async (hash, size) => blobs?.read(hash, size),
    };
    this.#now = {
      reader: () => direct.readerNow(timeoutMs),
      blob: (hash, size) => blobs?.readNow(hash, size),
    };
    this.#accesses = new AccessRecorder(client, clock);
    const follow = () =>
      direct.allowsLocalTier ? (this.#guard(reader => reader.follow()) as number | undefined) : undefined;
    this.#copies = new MemoryCopies(client, clock, localTierSize, this.#accesses, follow);
  }

  /** The value of a copy that is certainly valid, or {@link MISS}: then call {@link read}. */
  readHot(key: string): unknown {
    const entry = this.#copies.hot(key);
    return entry === undefined ? MISS : cloneForCaller(entry);
  }

  /** Tier whose copy a read would return now; undefined: none. For telemetry; does not count as a read. */
  tierOf(key: string): 'local' | 'shared' | undefined {
    return this.#copies.tierOf(key);
  }

  /** The value in memory, without a copy of it, or {@link MISS}. */
  borrow(key: string): unknown {
    const hot = this.#copies.hot(key);
    if (hot !== undefined) return lend(hot);
    const value = this.readNow(key);
    if (value === MISS) return MISS;
    const entry = this.#copies.peek(key);
    return entry ? lend(entry) : freezePlain(value);
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
    if (!('isCurrent' in found)) return found.value;
    const row = this.#query(key, source);
    // Without `andThen`, whose function would be made for each read.
    return row instanceof Promise
      ? row.then(value => this.#receive(key, value, found, source))
      : this.#receive(key, row, found, source);
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
    const missing = keys.filter((_, index) => 'isCurrent' in found[index]!);
    const rows = missing.length === 0 ? undefined : this.#guard(reader => reader.readMany(missing), source);
    return andThen(rows, values =>
      keys.map((key, index) => {
        const one = found[index]!;
        return 'isCurrent' in one ? this.#receive(key, values?.get(key), one, source) : one.value;
      }),
    );
  }

  // The value in memory, or what is needed to keep it once it was read elsewhere.
  #readMemory(key: string): { value: unknown } | ReadVersion {
    const found = this.#copies.find(key);
    if (!('isCurrent' in found)) {
      if (isExpired(found.expires, this.#clock())) return { value: this.#miss() };
      this.#accesses.hit(found);
      return { value: cloneForCaller(found) };
    }
    const { shared } = found;
    if (!shared || !isIntact(key, shared)) return found;
    // The shared tier holds no blobs.
    return { value: this.#receive(key, shared, found, this.#later) };
  }

  #receive(key: string, found: FoundValue | undefined, at: ReadVersion, source: Source): unknown {
    const isShared = found !== undefined && found === at.shared;
    const keeps = isShared || this.#copies.isWorthKeeping(found, at);
    // Not cached, so invalidate older copies: a later read must not go back in time.
    if (!keeps) this.#copies.invalidate(key);
    if (!found || isExpired(found.expires, this.#clock())) return this.#miss();
    if (found.blob !== null) return this.#readBlob(key, found, source);
    const value = isShared || isIntact(key, found) ? this.#decode(found, !keeps) : MISS;
    if (value === MISS) return this.#damaged(key, found);
    this.#accesses.hit(keeps ? this.#copies.keep(key, found, value, at) : { key, hits: 0, accessed: 0 });
    return value;
  }

  /** See {@link MemoryCopies.stored}. */
  stored(operation: WriteOperation & { type: 'set' }, version: number): void {
    this.#copies.stored(operation, version);
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
      this.#copies.seen(key);
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
    await this.#accesses.report(true);
    const metadata = await this.#guard(reader => reader.metadata(key));
    this.#copies.seen(key);
    return metadata && !isExpired(metadata.expires ?? null, this.#clock()) ? metadata : undefined;
  }

  async *pages(prefix: string, keysOnly: boolean): AsyncIterableIterator<PageEntry> {
    let after = '';
    const slice = new TimeSlice();
    for (;;) {
      const page = await this.#guard(reader => reader.page(prefix, after, this.#clock(), keysOnly));
      // A page also shows which entries are missing.
      this.#copies.seen('all');
      yield* page ?? [];
      if (!page || page.length < PAGE_SIZE) return;
      after = page.at(-1)!.key;
      await slice.yieldIfOver();
    }
  }

  async close(): Promise<void> {
    await this.#accesses.report(true);
    this.#copies.clear();
    await this.client.close();
  }

  #query(key: string, source: Source): FoundValue | undefined | Promise<FoundValue | undefined> {
    if (this.client.shared.versions.isDegraded) return undefined;
    try {
      const row = source.reader().read(key);
      return row instanceof Promise ? row.catch(error => this.client.readFailed(error)) : row;
    } catch (error) {
      return this.client.readFailed(error);
    }
  }

  // A read that fails is a miss. The coordinator deals with the cause.
  #guard<T>(
    read: (reader: StoreReader) => T | Promise<T>,
    source = this.#later,
  ): T | undefined | Promise<T | undefined> {
    if (this.client.shared.versions.isDegraded) return undefined;
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
    const state = this.#copies.stateOf(key);
    return andThen(use(found), value => {
      if (value !== MISS) {
        this.#accesses.hitOther(key);
        return value;
      }
      return andThen(this.#readRow(key, source), again => {
        if (again === undefined) return this.#miss();
        const isSame = again.blob === found.blob;
        if (isSame && (attempt >= MAX_ATTEMPTS || this.#copies.stateOf(key) === state)) {
          return this.#damaged(key, found);
        }
        return this.#withBlobRetry(key, again, use, source, attempt + 1);
      });
    });
  }

  #damaged(key: string, found: FoundValue): typeof MISS {
    // Damaged for good: a caller that waits for the key to be produced must not go on finding it.
    const { checksum, blob } = found;
    void this.client.send({ type: 'discard', key, checksum, blob }, this.#clock());
    const what = found.blob === null ? 'entry' : `blob ${found.blob}`;
    this.client.readFailed(new Error(`The ${what} of '${key}' is missing or damaged; it counts as a miss.`));
    return this.#miss();
  }

  #miss(): typeof MISS {
    this.#accesses.miss();
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
