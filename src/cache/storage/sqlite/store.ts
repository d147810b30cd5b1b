// SQLite store: one thread's connection to a tag's database. Reads, and applies operations under the write lock.
//
//   apply ──► lock ──► one plain operation? ──yes──► one statement (plain-writes.ts)
//                            │no                         │it changed nothing
//                            ▼                           ▼
//                      a transaction (transactions.ts)
//
// Still under the lock, either of them invalidates the copies of what changed, and shares the new values.
import { dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import {
  type Accesses,
  type LeaseRecord,
  LONG_SET,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../../operations.ts';
import { SharedMemory } from '../../shared/shared-memory.ts';
import { BlobFiles } from '../blobs.ts';
import { BackgroundWrite, type LongWrite, SteppedWrite } from '../long-write.ts';
import { isNearLimit, type Store, StoreBusyError, type StoreTotals } from '../store.ts';
import { runInBackground } from './background-statements.ts';
import { Backoff } from './backoff.ts';
import { ChangeLog } from './change-log.ts';
import type { CheckResult } from './check.ts';
import { Checkpointer } from './checkpointer.ts';
import { isLarge, reading } from './connection.ts';
import { prepareDirectory } from './directory.ts';
import { EntryTable } from './entry-table.ts';
import { ExternalCommits } from './external-commits.ts';
import { FileMonitor } from './file-monitor.ts';
import { HeldSnapshot } from './held-snapshot.ts';
import { Maintenance } from './maintenance.ts';
import { attachDatabase, inodeOf, isDamage, openDatabase, openOrReplace } from './open.ts';
import { Ownership } from './ownership.ts';
import { PlainWrites } from './plain-writes.ts';
import { SqliteReader } from './reader.ts';
import { type EVICTION_ORDER, indexForPolicy, SCHEMA } from './schema.ts';
import { clearing, NOTE, prepare } from './statements.ts';
import { asBusy, Transactions } from './transactions.ts';
import { Usage } from './usage.ts';
import { WalFile } from './wal-file.ts';

export interface SqliteStoreOptions {
  /** The tag's directory. */
  directory: string;
  maxSize: number;
  policy: keyof typeof EVICTION_ORDER | 'none';
  /** This process's name, see ownership.ts. */
  writer: string;
  /** Use the directory also when others can write there. Default: false. */
  allowUntrusted?: boolean;
  /** Called with the new name of a damaged database that was quarantined. */
  onQuarantine?: (name: string) => void;
  /** The store's memory that the process's threads share. Default: its own. */
  shared?: SharedMemory;
  /** Milliseconds to wait for other threads. The thread is blocked meanwhile. Default: 50. */
  lockTimeoutMs?: number;
  /** Milliseconds to wait for other processes. The thread is blocked meanwhile. Default: 5. */
  busyTimeoutMs?: number;
  /** Milliseconds to wait for other processes that keep the database from being opened. Default: 5000. */
  openingWait?: number;
  /** Returns the thread's unreported reads, before anything is evicted. Default: nothing. */
  takeAccesses?: () => Accesses;
  /**
   * Take the database as another thread of this process has opened it, or throw, and leave its maintenance to that
   * thread. Default: false.
   */
  attach?: boolean;
}

/** The file name of the database in a tag's directory. */
export const DATABASE_FILE = 'cache.db';

// Short, because the thread is blocked meanwhile: as long as eight threads take that write all the time, and as other
// processes take for a transaction. The coordinator tries again without blocking until the operation's own timeout.
const LOCK_TIMEOUT_MS = 50;
const BUSY_TIMEOUT_MS = 5;
const COUNTS = ['sets', 'deletes', 'evictions', 'expired'] as const;

export class SqliteStore implements Store {
  readonly backend = 'sqlite';
  readonly directory: string;
  readonly maxSize: number;
  readonly policy: string;
  readonly blobs: BlobFiles;
  readonly reader: SqliteReader;
  readonly #database: Database;
  readonly #entries: EntryTable;
  readonly #plainWrites: PlainWrites;
  readonly #transactions: Transactions;
  readonly #ownership: Ownership;
  readonly #usage: Usage;
  readonly #maintenance: Maintenance;
  readonly #options: SqliteStoreOptions;
  readonly #files: FileMonitor;
  readonly #shared: SharedMemory;
  readonly #lockTimeoutMs: number;
  readonly #log: WalFile;
  readonly #checkpointer: Checkpointer;
  readonly #changes: ChangeLog;
  readonly #held: HeldSnapshot;

  /** Opens or creates the store. Throws when the directory or database cannot be used; see open.ts. */
  static open(options: Omit<SqliteStoreOptions, 'attach'>): SqliteStore {
    const file = join(options.directory, DATABASE_FILE);
    return openOrReplace(file, () => new SqliteStore(options), options.onQuarantine);
  }

  /** As {@link open}, for a database that is intact or missing. */
  constructor(options: SqliteStoreOptions) {
    const { directory, maxSize, policy, writer, attach = false, shared = new SharedMemory() } = options;
    this.directory = directory;
    this.maxSize = maxSize;
    this.policy = policy;
    this.#options = { ...options, shared };
    this.#shared = shared;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? LOCK_TIMEOUT_MS;
    if (!attach) prepareDirectory(dirname(directory), directory, options.allowUntrusted ?? false);
    const blobs = new BlobFiles(directory);
    this.blobs = blobs;
    if (!attach) blobs.create();
    const file = join(directory, DATABASE_FILE);
    const database = attach ? attachDatabase(file) : openDatabase(file, SCHEMA, options.openingWait);
    this.#database = database;
    const inode = inodeOf(file);
    try {
      if (!attach) indexForPolicy(database, policy);
      database.pragma('busy_timeout = 0');
      const limit = policy === 'none' ? undefined : maxSize;
      const log = new WalFile(database, limit ?? Number.POSITIVE_INFINITY, shared.log);
      const changes = new ChangeLog(`${file}-changes`, writer);
      database.function(NOTE, { directOnly: true }, (hash: number) => Number(changes.note([hash])));
      const sql = prepare(database, policy);
      const held = new HeldSnapshot(database);
      const usage = new Usage(database, sql);
      const ownership = new Ownership(sql, writer, changes);
      const entries = new EntryTable({
        sql,
        usage,
        blobs,
        space: shared.space,
        maxSize,
        policy,
        file,
        takeAccesses: options.takeAccesses ?? (() => []),
        isShared: () => ownership.isShared,
        forgetPages: () => database.pragma('shrink_memory'),
        onMeasure: size => shared.versions.setNearLimit(isNearLimit(policy, size, maxSize)),
      });
      entries.hasPendingCleanup = !attach;
      this.#log = log;
      this.#checkpointer = new Checkpointer(file, shared.log);
      this.#changes = changes;
      this.#held = held;
      this.#usage = usage;
      this.#ownership = ownership;
      this.#entries = entries;
      const writing = { database, sql, ownership, entries, held, log, shared };
      this.#plainWrites = new PlainWrites(writing);
      this.#transactions = new Transactions({
        ...writing,
        backoff: new Backoff(attach),
        busyTimeoutMs: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS,
      });
      this.#maintenance = new Maintenance({
        ...{ database, sql, usage, blobs, held, log, limit, lock: shared.lock },
        acquire: () => this.#acquire(),
        cleanUp: () => this.#cleanUp(),
      });
      const external = new ExternalCommits(database, shared, writer, changes);
      this.reader = new SqliteReader(database, external, held);
      this.#files = new FileMonitor(directory, file, inode, {
        leastLength: () => this.#leastLength(),
        // Its pages are read anew: damage shows before more is stored on them.
        onModified: () => database.pragma('shrink_memory'),
      });
      if (!attach) {
        this.#join(options.openingWait);
        shared.space.clear();
        external.begin();
        // Damage shows now, when it can be repaired.
        usage.size();
      }
    } catch (error) {
      database.close();
      throw error;
    }
  }

  // A store that cannot be written to can still be read: then the others do not count this process, and it takes the
  // store for shared.
  #join(wait = BUSY_TIMEOUT_MS): void {
    try {
      this.#transactions.run(() => this.#ownership.join(), wait);
    } catch (error) {
      if (isDamage(error)) throw error;
    }
  }

  // A damaged database is shorter than it should be, whatever its length is.
  #leastLength(): number {
    this.#held.release();
    try {
      return this.#usage.leastTotal();
    } catch (error) {
      return isDamage(error) ? Number.POSITIVE_INFINITY : 0;
    }
  }

  get fileState(): Store['fileState'] {
    return this.#files.state;
  }

  quarantine(): string | undefined {
    return this.#files.quarantine();
  }

  get counts(): EntryTable['counts'] {
    return this.#entries.counts;
  }

  get hasPendingCleanup(): boolean {
    return this.#entries.hasPendingCleanup;
  }

  set hasPendingCleanup(hasPendingCleanup: boolean) {
    this.#entries.hasPendingCleanup = hasPendingCleanup;
  }

  apply(batch: readonly TimedOperation[]): WriteResult[] {
    const { lock } = this.#shared;
    // After another thread's commit the snapshot is of no use.
    if (!lock.isOwner || !lock.acquire(0)) this.#acquire();
    try {
      const plain = batch.length === 1 ? this.#applyPlain(batch[0]!) : undefined;
      return plain ? [plain] : this.#transactions.apply(batch);
    } catch (error) {
      throw asBusy(error);
    } finally {
      lock.release();
    }
  }

  // Undefined when it takes a transaction.
  #applyPlain({ operation, now }: TimedOperation): WriteResult | undefined {
    if (this.#hasToEvict) return undefined;
    const result = this.#plainWrites.apply(operation, now);
    if (result) this.#transactions.now = now;
    if (operation.type === 'set' && result && this.#hasToEvict) this.#makeRoom(operation.key);
    return result;
  }

  get #hasToEvict(): boolean {
    const { space } = this.#shared;
    return this.policy !== 'none' && (space.bytesToEvict > 0 || space.needsMeasuring);
  }

  // Called after a value was stored.
  #makeRoom(key: string): void {
    try {
      this.#transactions.apply([], key);
    } catch {
      // The value is committed, even if making room failed. The next write meets the same error.
      this.#entries.hasPendingCleanup = true;
    }
  }

  isLong(operation: WriteOperation): boolean {
    if (operation.type === 'set-many') return operation.entries.length > LONG_SET;
    return operation.type === 'clear' && isLarge(this.#database);
  }

  beginLong({ operation, now }: TimedOperation, timeoutMs: number): LongWrite {
    const own = new SqliteStore({ ...this.#options, attach: true });
    const { lock } = this.#shared;
    if (!lock.acquire(this.#lockTimeoutMs)) {
      own.close();
      throw new StoreBusyError('Other threads are writing.');
    }
    const end = () => {
      lock.release();
      for (const name of COUNTS) this.counts[name] += own.counts[name];
      this.hasPendingCleanup ||= own.hasPendingCleanup;
      own.close();
    };
    if (operation.type === 'set-many')
      return new SteppedWrite(own.#transactions.setInSteps(operation, now), end);
    return own.#clearInBackground(timeoutMs, end);
  }

  #clearInBackground(timeout: number, end: () => void): LongWrite {
    const tasks = clearing(this.#options.writer);
    const background = runInBackground(this.#database.name, tasks, { timeout, isTransaction: true });
    const resultOf = ([counted]: unknown[][][]): WriteResult => {
      const count = Number(counted?.[0]?.[0]);
      this.#entries.cleared(count);
      this.#shared.versions.bump('all');
      return { value: count };
    };
    return new BackgroundWrite(background, resultOf, end);
  }

  get isNearLimit(): boolean {
    this.#held.release();
    return isNearLimit(this.policy, this.#usage.size(), this.maxSize);
  }

  async totals(): Promise<StoreTotals> {
    this.#held.release();
    const count = await this.#usage.count();
    this.#held.release();
    return { size: this.#usage.size(), count, blobs: this.#usage.blobs().count };
  }

  lease(key: string): LeaseRecord | undefined {
    this.#held.release();
    return this.#entries.lease(key);
  }

  check(repair: boolean): Promise<CheckResult> {
    return this.#maintenance.check(repair);
  }

  collectGarbage(): Promise<number> {
    return this.#maintenance.collectGarbage();
  }

  get isShrinkable(): boolean {
    return this.#maintenance.isShrinkable;
  }

  shrink(): Promise<void> {
    return this.#maintenance.shrink();
  }

  #cleanUp(): { removed: number; hasFreed: boolean } {
    const { freed } = this.#entries;
    const places = freed.count;
    const [result] = this.apply([{ operation: { type: 'cleanup' }, now: this.#transactions.now }]);
    const removed = result && 'value' in result ? Number(result.value) : 0;
    return { removed, hasFreed: freed.count !== places };
  }

  #acquire(): void {
    this.#held.release();
    if (!this.#shared.lock.acquire(this.#lockTimeoutMs))
      throw new StoreBusyError('Other threads are writing.');
  }

  watchLog(): void {
    if (!this.#log.isBusy) return;
    this.#held.release();
    // Several processes have one each, and four are slower than none.
    if (this.#ownership.isSole) this.#checkpointer.start();
    else this.#checkpointer.stop();
  }

  close(): void {
    this.#maintenance.end();
    this.#checkpointer.stop();
    this.#held.release();
    if (!this.#options.attach) this.#leave();
    this.#files.close();
    this.#log.close();
    this.#changes.close();
    this.#database.close();
  }

  park(): void {
    // The last connection that can write would copy the log into the database, and remove it.
    const last = reading(this.#database.name);
    this.close();
    last?.close();
  }

  #leave(): void {
    try {
      this.#transactions.run(() => this.#ownership.leave());
    } catch {
      // Others notice that this process has left when it has ended.
    }
  }
}
