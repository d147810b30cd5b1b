// The writer of one tag's database: applies batches of operations, each batch in one transaction.
import { dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { BlobFiles } from '../blobs.ts';
import { block } from '../block.ts';
import type { Companions, LatestCommits } from '../commit-group.ts';
import { Pace, partsOf, STEP } from '../pace.ts';
import { SharedMemory } from '../shared-memory.ts';
import {
  isPressed,
  type LeaseRecord,
  LONG_SET,
  type Store,
  StoreBusyError,
  type StoreTotals,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../store.ts';
import { performance } from '../time.ts';
import { hashOf } from '../versions.ts';
import { type CheckResult, checkStore, collectRubbish } from './check.ts';
import { classify, isLarge, withoutCheckpoint } from './connection.ts';
import { prepareDirectory } from './directory.ts';
import { checkpointElsewhere, runElsewhere } from './elsewhere.ts';
import { EntryTable } from './entry-table.ts';
import { StoreFiles } from './files.ts';
import { Naps } from './naps.ts';
import { attachDatabase, DamagedDatabaseError, inodeOf, openDatabase } from './open.ts';
import { SqliteReader } from './reader.ts';
import { type EVICTION_ORDER, indexForPolicy, SCHEMA } from './schema.ts';
import { clearing, prepare, type Statements } from './statements.ts';

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
  /** Milliseconds to wait for other processes that keep the database from being opened. Default: 5000. */
  openingWait?: number;
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

// So is waiting for this process's other threads.
const PATIENCE_MS = 2;

export class SqliteStore implements Store {
  readonly backend = 'sqlite';
  readonly directory: string;
  readonly maxSize: number;
  readonly policy: string;
  readonly blobs: BlobFiles;
  readonly #database: Database;
  readonly #sql: Statements;
  readonly #entries: EntryTable;
  readonly #writer: string;
  readonly #file: string;
  readonly #files: StoreFiles;
  readonly #shared: SharedMemory;
  readonly #patience: number;
  readonly #naps: Naps;
  #reader: SqliteReader | undefined;
  #now = 0;
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
    this.#naps = new Naps(attach);
    if (!attach)
      prepareDirectory(dirname(options.directory), options.directory, options.allowUntrusted ?? false);
    this.blobs = new BlobFiles(options.directory);
    if (!attach) this.blobs.create();
    const file = join(options.directory, DATABASE_FILE);
    this.#database = attach
      ? attachDatabase(file)
      : openDatabase(file, options.onSetAside, SCHEMA, options.openingWait);
    const inode = inodeOf(file);
    try {
      this.#file = file;
      if (!attach) indexForPolicy(this.#database, options.policy);
      this.#database.pragma('busy_timeout = 0');
      this.#sql = prepare(this.#database, options.policy);
      this.#entries = new EntryTable({ ...options, sql: this.#sql, blobs: this.blobs, file });
      this.#entries.hasBacklog = !attach;
      if (!attach) this.#openReader();
      this.#files = new StoreFiles(options.directory, file, inode);
      this.#entries.size = this.#sql.totals.get()?.[0] ?? 0;
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
    return isPressed(this.policy, this.#entries.size, this.maxSize);
  }

  get counts(): EntryTable['counts'] {
    return this.#entries.counts;
  }

  get hasBacklog(): boolean {
    return this.#entries.hasBacklog;
  }

  set hasBacklog(hasBacklog: boolean) {
    this.#entries.hasBacklog = hasBacklog;
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
      const { allChanged, changed, found } = this.#entries;
      versions.bump(allChanged ? 'all' : changed);
      versions.bump(found);
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

  isLong(operation: WriteOperation): boolean {
    if (operation.type === 'set-many') return operation.entries.length > LONG_SET;
    return operation.type === 'clear' && isLarge(this.#database);
  }

  async applyLong({ operation, now }: TimedOperation, timeout: number): Promise<WriteResult> {
    const { versions, group } = this.#shared;
    if (!versions.turn.take(this.#patience)) throw new StoreBusyError('Other threads are writing.');
    try {
      return {
        value:
          operation.type === 'set-many'
            ? await this.#setInSteps(operation, now)
            : await this.#clearElsewhere(timeout),
      };
    } catch (error) {
      if (classify(error) === 'busy') throw new StoreBusyError((error as Error).message, { cause: error });
      throw error;
    } finally {
      if (this.#database.inTransaction) this.#sql.rollback.run();
      versions.turn.release();
      group.wakeOne();
    }
  }

  // One transaction, in which others get their turns of the event loop, but none to write.
  async #setInSteps(operation: WriteOperation & { type: 'set-many' }, now: number): Promise<boolean> {
    const entries = this.#entries;
    if (entries.hasTooLarge(operation)) return false;
    const pace = new Pace();
    this.#begin();
    entries.reset();
    try {
      const { size, count } = this.#readTotals();
      entries.begin(size, count);
      for (const part of partsOf(operation.entries)) {
        entries.apply({ ...operation, entries: part }, now);
        // So many would only take the place of what is read.
        entries.stored.clear();
        await pace.step();
      }
      this.#now = now;
      entries.evict(now, STEP);
      this.#assertCounts(entries.size, entries.count);
      this.#sql.setTotals.run(entries.size, entries.count, this.#writer, this.#writer);
      // So much goes from the log into the database that it is done elsewhere.
      withoutCheckpoint(this.#database, () => this.#sql.commit.run());
    } catch (error) {
      entries.undo();
      throw error;
    }
    this.#shared.versions.bump('all');
    this.#shared.versions.setPressed(this.isPressed);
    // Where that cannot be, the next transaction does it.
    await checkpointElsewhere(this.#file).catch(() => undefined);
    return true;
  }

  async #clearElsewhere(timeout: number): Promise<number> {
    const [totals] = await runElsewhere(this.#file, clearing(this.#writer), { timeout, isTransaction: true });
    const count = totals?.[0]?.[0];
    this.#assertCounts(count);
    this.#entries.cleared(count as number);
    this.#shared.versions.bump('all');
    this.#shared.versions.setPressed(this.isPressed);
    return count as number;
  }

  // Other threads need not fetch it from the database.
  #remember(): void {
    const { versions, tier } = this.#shared;
    const { stored } = this.#entries;
    for (const [key, value] of stored) {
      const hash = hashOf(key);
      tier.put(key, hash, versions.at(versions.slotOf(hash)), this.#foreign, value);
    }
    stored.clear();
  }

  // Of the transaction that was begun.
  #commit(own: readonly TimedOperation[], companions: Companions): WriteResult[] {
    const entries = this.#entries;
    entries.reset();
    try {
      const { size, count, commits, run, writer } = this.#readTotals();
      this.#foreign = writer === this.#writer ? run : commits;
      entries.begin(size, count);
      const batch = companions.operations.length === 0 ? own : [...own, ...companions.operations];
      const results = batch.map(({ operation, now }) => entries.apply(operation, now));
      // What is expired for all of them goes first; a transaction of nobody knows no time.
      if (batch.length > 0) this.#now = batch.reduce((least, { now }) => Math.min(least, now), batch[0]!.now);
      entries.evict(this.#now, batch.length);
      this.#assertCounts(entries.size, entries.count);
      const changed = entries.allChanged || entries.changed.size > 0;
      if (changed) this.#sql.setTotals.run(entries.size, entries.count, this.#writer, this.#writer);
      companions.prepare(results.slice(own.length), changed ? commits + 1 : 0);
      this.#sql.commit.run();
      companions.committed();
      return results;
    } catch (error) {
      entries.undo();
      if (classify(error) === 'busy') throw new StoreBusyError((error as Error).message, { cause: error });
      throw error;
    }
  }

  #begin(): void {
    const until = performance.now() + Math.max(BUSY_WAIT_MS, this.#patience);
    let naps: Generator<number, never> | undefined;
    for (;;) {
      try {
        this.#sql.begin.run();
        return;
      } catch (error) {
        if (classify(error) !== 'busy') throw error;
        naps ??= this.#naps.take();
        if (performance.now() >= until) {
          throw new StoreBusyError((error as Error).message, { cause: error });
        }
        block(naps.next().value);
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

  latestCommits(): LatestCommits {
    const { commits, run, writer } = this.#readTotals();
    return { commits, run, isOurs: writer === this.#writer };
  }

  totals(): StoreTotals {
    const { size, count } = this.#readTotals();
    return { size, count, blobs: this.#sql.countBlobs.get()! };
  }

  lease(key: string): LeaseRecord | undefined {
    return this.#entries.lease(key);
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

  park(): void {
    // The last connection that can write would bring the log into the database, and remove it.
    this.#database.close();
    this.#reader?.close();
  }
}
