// The writer of one tag's database: applies batches of operations, each batch in one transaction.
import { dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { BlobFiles } from '../blobs.ts';
import { checksum, decode, encode, timed } from '../codec.ts';
import type { Companions, LatestCommits } from '../commit-group.ts';
import { SharedMemory } from '../shared-memory.ts';
import {
  type FoundValue,
  isExpired,
  isPressed,
  type LeaseRecord,
  type Store,
  StoreBusyError,
  type StoreTotals,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../store.ts';
import { hashOf } from '../versions.ts';
import { BlobReferences } from './blob-references.ts';
import { type CheckResult, checkStore, collectRubbish } from './check.ts';
import { classify } from './connection.ts';
import { prepareDirectory } from './directory.ts';
import { StoreFiles } from './files.ts';
import { attachDatabase, DamagedDatabaseError, inodeOf, openDatabase } from './open.ts';
import { SqliteReader } from './reader.ts';
import { type EVICTION_ORDER, indexForPolicy } from './schema.ts';
import { type EntryRow, prepare, type Statements } from './statements.ts';

export interface SqliteStoreOptions {
  /** The tag's directory. */
  directory: string;
  maxSize: number;
  policy: keyof typeof EVICTION_ORDER | 'none';
  /** The name this process signs its transactions with, see `totals.writer` in schema.ts. */
  writer: string;
  /** Use the directory also when others can write there. Default: false. */
  allowUntrusted?: boolean;
  /** Told the new name of a damaged database that was set aside. */
  onSetAside?: (name: string) => void;
  /** What this process's threads share of the store. Default: its own. */
  shared?: SharedMemory;
  /** Milliseconds to wait for other threads. The thread is blocked meanwhile. Default: 2. */
  patience?: number;
  /**
   * Take the database as another thread of this process has opened it, or throw, and leave it to that thread to look
   * after it. Default: false.
   */
  attach?: boolean;
}

/** The file name of the database in a tag's directory. */
export const DATABASE_FILE = 'cache.db';

// How long to wait for another process's transaction: short, because the thread is blocked meanwhile. The coordinator
// tries again without blocking until the operation's own timeout.
const BUSY_WAIT_MS = 5;
// SQLite itself would wait for whole milliseconds, of which others make dozens of transactions.
const FIRST_NAP_MS = 0.05;
const LONGEST_NAP_MS = 1;

// So is waiting for this process's other threads.
const PATIENCE_MS = 2;

// Bounds on what one transaction does besides its own operations, so that no single `set` walks the whole table.
const EVICTIONS_PER_TRANSACTION = 64;
const EXPIRIES_PER_TRANSACTION = 64;
// `cleanup()` works through everything, but in steps of this many entries.
const CLEANUP_STEP = 1000;

export class SqliteStore implements Store {
  readonly backend = 'sqlite';
  readonly directory: string;
  readonly maxSize: number;
  readonly policy: string;
  readonly counts = { sets: 0, deletes: 0, evictions: 0, expired: 0 };
  readonly blobs: BlobFiles;
  readonly #database: Database;
  readonly #sql: Statements;
  readonly #references: BlobReferences;
  readonly #writer: string;
  readonly #file: string;
  readonly #files: StoreFiles;
  readonly #shared: SharedMemory;
  readonly #patience: number;
  hasBacklog: boolean;
  #reader: SqliteReader | undefined;
  // Of the running transaction; `totals` in the database is written once, at its end.
  #size = 0;
  #count = 0;
  #now = 0;
  readonly #changed = new Set<string>();
  // Keys that an operation left as they were, since another process had changed them before.
  readonly #found = new Set<string>();
  #allChanged = false;
  // What was stored inline, for the memory that all threads share.
  readonly #stored = new Map<string, FoundValue>();
  #foreign = 0;

  /** Opens or makes the store. Throws when the directory or database cannot be used; see open.ts. */
  constructor(options: SqliteStoreOptions) {
    this.directory = options.directory;
    this.maxSize = options.maxSize;
    this.policy = options.policy;
    this.#writer = options.writer;
    this.#shared = options.shared ?? new SharedMemory();
    this.#patience = options.patience ?? PATIENCE_MS;
    const { attach = false } = options;
    this.hasBacklog = !attach;
    if (!attach)
      prepareDirectory(dirname(options.directory), options.directory, options.allowUntrusted ?? false);
    this.blobs = new BlobFiles(options.directory);
    if (!attach) this.blobs.create();
    const file = join(options.directory, DATABASE_FILE);
    this.#database = attach ? attachDatabase(file) : openDatabase(file, options.onSetAside);
    const inode = inodeOf(file);
    try {
      this.#file = file;
      if (!attach) indexForPolicy(this.#database, options.policy);
      this.#database.pragma('busy_timeout = 0');
      this.#sql = prepare(this.#database, options.policy);
      this.#references = new BlobReferences(this.#sql, this.blobs);
      if (!attach) this.#openReader();
      this.#files = new StoreFiles(options.directory, file, inode);
      this.#size = this.#sql.totals.get()?.[0] ?? 0;
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  get reader(): SqliteReader {
    return this.#reader ?? this.#openReader();
  }

  #openReader(): SqliteReader {
    this.#reader = new SqliteReader(this.#file, this.#writer, BUSY_WAIT_MS);
    return this.#reader;
  }

  get fileState(): Store['fileState'] {
    return this.#files.state;
  }

  setAside(): string | undefined {
    return this.#files.setAside();
  }

  get isPressed(): boolean {
    return isPressed(this.policy, this.#size, this.maxSize);
  }

  apply(batch: readonly TimedOperation[]): WriteResult[] {
    if (!this.#shared.versions.turn.take(this.#patience))
      throw new StoreBusyError('Other threads are writing.');
    try {
      return this.applyInTurn(batch);
    } finally {
      this.#shared.group.wakeOne();
    }
  }

  /**
   * As {@link apply}, for a thread that has the turn, which is given back. The results of what others had posted come
   * after its own.
   */
  applyInTurn(batch: readonly TimedOperation[]): WriteResult[] {
    const { versions, group } = this.#shared;
    let companions: Companions | undefined;
    let isCommitted = false;
    try {
      this.#begin();
      companions = group.take();
      const results = this.#commit(batch, companions);
      // Before the turn goes on: of a thread that ends in between, all that it may have written is out of date.
      versions.bump(this.#allChanged ? 'all' : this.#changed);
      versions.bump(this.#found);
      this.#remember();
      versions.setPressed(this.isPressed);
      isCommitted = true;
      return results;
    } finally {
      try {
        if (this.#database.inTransaction) this.#sql.rollback.run();
      } finally {
        versions.turn.release();
        // Nothing is acknowledged that went into files that somebody removed.
        if (companions && companions.operations.length > 0) {
          companions.settle(isCommitted && this.fileState === 'sound');
        }
      }
    }
  }

  // Other threads need not fetch it from the database.
  #remember(): void {
    const { versions, tier } = this.#shared;
    for (const [key, value] of this.#stored) {
      const hash = hashOf(key);
      tier.put(key, hash, versions.at(versions.slotOf(hash)), this.#foreign, value);
    }
    this.#stored.clear();
  }

  // Of the transaction that was begun.
  #commit(own: readonly TimedOperation[], companions: Companions): WriteResult[] {
    const before = { ...this.counts };
    this.#changed.clear();
    this.#found.clear();
    this.#allChanged = false;
    this.#stored.clear();
    try {
      const { size, count, commits, run, writer } = this.#readTotals();
      this.#size = size;
      this.#count = count;
      this.#foreign = writer === this.#writer ? run : commits;
      // What other processes leave unused they remove themselves, or whoever opens the store next.
      const hadBacklog = this.hasBacklog;
      this.hasBacklog = false;
      if (hadBacklog) this.hasBacklog = this.#references.removeUnused();
      const batch = companions.operations.length === 0 ? own : [...own, ...companions.operations];
      const results = batch.map(({ operation, now }) => this.#applyOne(operation, now));
      // What is expired for all of them goes first; a transaction of nobody knows no time.
      if (batch.length > 0) this.#now = batch.reduce((least, { now }) => Math.min(least, now), batch[0]!.now);
      this.#evict(this.#now, batch.length);
      this.#assertCounts(this.#size, this.#count);
      const changed = this.#allChanged || this.#changed.size > 0;
      if (changed) {
        this.#sql.setTotals.run(this.#size, this.#count, this.#writer, this.#writer);
      }
      companions.prepare(results.slice(own.length), changed ? commits + 1 : 0);
      this.#sql.commit.run();
      companions.committed();
      return results;
    } catch (error) {
      Object.assign(this.counts, before);
      this.hasBacklog = true;
      if (classify(error) === 'busy') throw new StoreBusyError((error as Error).message, { cause: error });
      throw error;
    }
  }

  #begin(): void {
    const until = performance.now() + Math.max(BUSY_WAIT_MS, this.#patience);
    for (let nap = FIRST_NAP_MS; ; nap = Math.min(2 * nap, LONGEST_NAP_MS)) {
      try {
        this.#sql.begin.run();
        return;
      } catch (error) {
        if (classify(error) !== 'busy') throw error;
        if (performance.now() >= until) {
          throw new StoreBusyError((error as Error).message, { cause: error });
        }
        Atomics.wait(IDLE, 0, 0, nap);
      }
    }
  }

  // Rows of a damaged page can hold anything, and then neither sums nor keys mean anything any more.
  #assertCounts(...counts: unknown[]): void {
    for (const count of counts) if (!Number.isSafeInteger(count)) this.#lostCount();
  }

  #lostCount(): never {
    throw new DamagedDatabaseError(`${this.#file} has lost count of its entries.`);
  }

  #readTotals() {
    const [size, count, commits, run, writer] = this.#sql.totals.get() ?? [];
    this.#assertCounts(size, count, commits);
    return { size: size!, count: count!, commits: commits!, run: run!, writer: writer! };
  }

  #row(key: string): EntryRow | undefined {
    const row = this.#sql.row.get(key);
    if (!row) return undefined;
    const [id, stored, blob, checksum, size, expires] = row;
    return { id, key: stored, blob, checksum, size, expires };
  }

  latestCommits(): LatestCommits {
    const { commits, run, writer } = this.#readTotals();
    return { commits, run, isOurs: writer === this.#writer };
  }

  #applyOne(operation: WriteOperation, now: number): WriteResult {
    switch (operation.type) {
      case 'set':
        return { value: this.#set(operation, now) };
      case 'set-many':
        // All or none: one that can never be kept keeps the others out.
        if (this.policy !== 'none' && operation.entries.some(({ value }) => value.size > this.maxSize)) {
          return { value: false };
        }
        for (const { key, value } of operation.entries) {
          this.#set({ type: 'set', key, value, expires: operation.expires }, now);
        }
        return { value: true };
      case 'delete':
        return { value: this.#delete(operation.keys, now) };
      case 'discard':
        return { value: this.#discard(operation) };
      case 'touch': {
        const row = this.#live(operation.key, now);
        if (row) {
          const { expires } = operation;
          this.#sql.touch.run(expires, timed(timed(row.checksum, row.expires), expires), row.id);
        }
        (row ? this.#changed : this.#found).add(operation.key);
        this.#stored.delete(operation.key);
        return { value: row !== undefined };
      }
      case 'increment':
        return this.#increment(operation, now);
      case 'access':
        for (const [key, count, last] of operation.entries) this.#sql.access.run(count, last, key);
        return { value: true };
      case 'clear':
        return { value: this.#clear() };
      case 'cleanup':
        return { value: this.#removeExpired(now, CLEANUP_STEP) + this.#removeOverLimit(CLEANUP_STEP) };
      case 'lease': {
        const { key, lease, replaces } = operation;
        if (replaces !== undefined && (this.lease(key)?.token ?? null) !== replaces) {
          return { value: false };
        }
        this.#sql.setLease.run({ key, ...lease });
        return { value: true };
      }
      case 'release':
        return { value: this.#sql.release.run(operation.key, operation.token).changes > 0 };
    }
  }

  #live(key: string, now: number): EntryRow | undefined {
    const row = this.#row(key);
    return row && !isExpired(row.expires, now) ? row : undefined;
  }

  #set(operation: WriteOperation & { type: 'set' }, now: number): boolean {
    const { key, value, expires } = operation;
    // A producer that lost its lease must not overwrite what its successor stored.
    if (operation.lease !== undefined && this.#sql.release.run(key, operation.lease).changes === 0)
      return false;
    const old = this.#row(key);
    if (operation.onlyIfAbsent && old && !isExpired(old.expires, now)) {
      this.#found.add(key);
      return false;
    }
    // More than the whole limit can never be kept: evicting everything else for it would be worse than a miss.
    if (this.policy !== 'none' && value.size > this.maxSize) {
      if (old) this.#remove(old);
      return false;
    }
    // The new blob is counted before the old one is dropped, so that the same bytes stored again stay where they are.
    if (value.blob !== null) this.#size += this.#references.add(value.blob, value);
    if (old?.blob != null) this.#dropBlob(old.blob);
    const { encoding, data, blob, size, mode } = value;
    const sum = timed(value.checksum, expires);
    if (old) {
      this.#sql.replace.run(encoding, data, blob, sum, size, mode, expires, now, now, old.id);
      if (old.blob === null) this.#size -= old.size;
    } else {
      this.#sql.insert.run(encoding, data, blob, sum, size, mode, expires, now, now, key);
      this.#count++;
    }
    if (value.blob === null) this.#size += value.size;
    this.counts.sets++;
    this.#changed.add(key);
    if (blob === null) this.#stored.set(key, { encoding, data, blob, checksum: sum, size, mode, expires });
    else this.#stored.delete(key);
    return true;
  }

  #delete(keys: readonly string[], now: number): number {
    let deleted = 0;
    for (const key of keys) {
      const row = this.#row(key);
      if (!row) {
        this.#found.add(key);
        continue;
      }
      this.#remove(row);
      if (isExpired(row.expires, now)) this.counts.expired++;
      else deleted++;
    }
    this.counts.deletes += deleted;
    return deleted;
  }

  #discard({ key, checksum: sum, blob }: WriteOperation & { type: 'discard' }): boolean {
    const row = this.#row(key);
    if (row?.blob !== blob || this.#sql.value.get(row.id)?.checksum !== sum) return false;
    // The same value may have been stored again since it was found damaged.
    if (blob !== null && this.blobs.isSound(blob, row.size)) return false;
    this.#remove(row);
    return true;
  }

  #increment(operation: WriteOperation & { type: 'increment' }, now: number): WriteResult {
    const { key, by } = operation;
    const row = this.#live(key, now);
    let current: unknown = 0;
    if (row) {
      current = this.#valueOf(row);
      if (typeof current !== 'number') {
        return { mistake: `The entry '${key}' is no number: increment() adds to numbers only.` };
      }
    }
    const sum = (current as number) + by;
    const encoded = { ...encode(sum), blob: null, mode: null };
    const value = { ...encoded, checksum: checksum(key, encoded), size: encoded.data.length };
    this.#set({ type: 'set', key, value, expires: row ? row.expires : operation.expires }, now);
    return { value: sum };
  }

  // As a read would have it: a damaged entry counts as none.
  #valueOf({ id, key, blob, expires }: EntryRow): unknown {
    if (blob !== null) return undefined;
    try {
      const stored = this.#sql.value.get(id)!;
      const isSound = timed(checksum(key, stored), expires) === stored.checksum;
      return isSound ? decode(stored.encoding, stored.data!) : 0;
    } catch {
      return 0;
    }
  }

  #clear(): number {
    const count = this.#count;
    this.#sql.clear.run();
    this.#sql.unuseAllBlobs.run();
    this.counts.deletes += count;
    this.#size = 0;
    this.#count = 0;
    this.#allChanged = true;
    this.#stored.clear();
    this.hasBacklog = true;
    return count;
  }

  #dropBlob(hash: string): void {
    const freed = this.#references.drop(hash);
    if (freed === undefined) return;
    this.#size -= freed;
    this.hasBacklog = true;
  }

  #remove(row: EntryRow): void {
    if (typeof row.key !== 'string') throw new DamagedDatabaseError(`${this.#file} has a key that is none.`);
    this.#sql.remove.run(row.id);
    if (row.blob === null) this.#size -= row.size;
    else this.#dropBlob(row.blob);
    this.#count--;
    this.#changed.add(row.key);
    this.#stored.delete(row.key);
  }

  #evict(now: number, operations: number): void {
    if (this.policy === 'none' || this.#size <= this.maxSize) return;
    this.#removeExpired(now, EXPIRIES_PER_TRANSACTION);
    const limit = Math.max(EVICTIONS_PER_TRANSACTION, 2 * operations);
    this.#removeOverLimit(limit, 4 * limit);
    if (this.#size > this.maxSize) this.hasBacklog = true;
  }

  #removeExpired(now: number, limit: number): number {
    const rows = this.#sql.expired.all(now, limit);
    for (const row of rows) this.#remove(row);
    this.counts.expired += rows.length;
    return rows.length;
  }

  // Entries that were set since they took their place in the order move back instead, at most so many.
  #removeOverLimit(limit: number, most = Number.POSITIVE_INFINITY): number {
    let evicted = 0;
    let moved = 0;
    while (evicted < limit && moved < most && this.#size > this.maxSize && this.#sql.nextToEvict) {
      const candidates = this.#sql.nextToEvict.all();
      // By use, what was stored just now would be the first to go: it has not been read yet.
      const row = candidates.find(({ key }) => !this.#changed.has(key)) ?? candidates[0];
      if (!row) {
        // Without entries there is nothing that could count: whatever was counted was wrong.
        this.#size = 0;
        this.#count = 0;
        break;
      }
      if (this.policy === 'least-recently-used' && row.created > row.accessed) {
        this.#sql.moveBack.run(row.id);
        moved++;
        continue;
      }
      this.#remove(row);
      evicted++;
    }
    this.counts.evictions += evicted;
    return evicted;
  }

  totals(): StoreTotals {
    const { size, count } = this.#readTotals();
    return { size, count, blobs: this.#sql.countBlobs.get()! };
  }

  lease(key: string): LeaseRecord | undefined {
    const lease = this.#sql.lease.get(key);
    const isSensible =
      lease &&
      typeof lease.token === 'string' &&
      typeof lease.host === 'string' &&
      Number.isSafeInteger(lease.pid) &&
      lease.pid > 0;
    return isSensible ? lease : undefined;
  }

  check(repair: boolean): Promise<CheckResult> {
    return checkStore(this.#database, this.blobs, this.#shared.versions.turn, repair);
  }

  async collect(): Promise<void> {
    await collectRubbish(this.#database, this.blobs, this.#shared.versions.turn);
  }

  close(): void {
    this.#reader?.close();
    this.#database.close();
  }
}

const IDLE = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
