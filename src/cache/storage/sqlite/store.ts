// SQLite store: one thread's connection to a tag's database. Reads, and applies operations under the write lock.
//
//   apply ──► lock ──► one plain operation? ──yes──► one statement, if this process is alone (ownership.ts)
//                            │no                         │it changed nothing
//                            ▼                           ▼
//                      a transaction: enter, operations, room for them (space-account.ts), note what changed, commit
//                            │
//                            ▼
//                      versions of what changed, shared copies, unlock
import { dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { sleepSync } from '../../../system/sleep-sync.ts';
import { pause, performance, setImmediate } from '../../../system/time.ts';
import { chunksOf } from '../../../system/time-slice.ts';
import {
  type Accesses,
  type FoundValue,
  isExpired,
  type LeaseRecord,
  LONG_SET,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../../operations.ts';
import { SharedMemory } from '../../shared/shared-memory.ts';
import { hashOf } from '../../shared/versions.ts';
import { foundOf, withExpiry } from '../../values/codec.ts';
import { BlobFiles } from '../blobs.ts';
import { BackgroundWrite, type LongWrite, SteppedWrite } from '../long-write.ts';
import { footprintOf, isNearLimit, type Store, StoreBusyError, type StoreTotals } from '../store.ts';
import { checkpointInBackground, runInBackground } from './background-statements.ts';
import { Backoff } from './backoff.ts';
import { ChangeLog } from './change-log.ts';
import { type CheckResult, checkStore, collectGarbage } from './check.ts';
import { classify, isLarge, PAGE_SIZE, reading, withoutCheckpoint } from './connection.ts';
import { prepareDirectory } from './directory.ts';
import { EntryTable } from './entry-table.ts';
import { ExternalCommits } from './external-commits.ts';
import { FileMonitor } from './file-monitor.ts';
import { HeldSnapshot } from './held-snapshot.ts';
import { attachDatabase, inodeOf, isDamage, openDatabase, openOrReplace } from './open.ts';
import { Ownership } from './ownership.ts';
import { SqliteReader } from './reader.ts';
import { type EVICTION_ORDER, indexForPolicy, SCHEMA } from './schema.ts';
import { isShrinkable, shrink } from './shrink.ts';
import { clearing, type GuardedWrites, NOTE, prepare, type Statements } from './statements.ts';
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
// Interval between attempts at a step while others' transactions prevent it.
const STEP_RETRY_MS = 5;

const COUNTS = ['sets', 'deletes', 'evictions', 'expired'] as const;

export class SqliteStore implements Store {
  readonly backend = 'sqlite';
  readonly directory: string;
  readonly maxSize: number;
  readonly policy: string;
  readonly blobs: BlobFiles;
  readonly reader: SqliteReader;
  readonly #database: Database;
  readonly #sql: Statements;
  readonly #entries: EntryTable;
  readonly #ownership: Ownership;
  readonly #usage: Usage;
  readonly #options: SqliteStoreOptions;
  readonly #writer: string;
  readonly #files: FileMonitor;
  readonly #shared: SharedMemory;
  readonly #lockTimeoutMs: number;
  readonly #busyTimeoutMs: number;
  readonly #backoff: Backoff;
  readonly #log: WalFile;
  readonly #changes: ChangeLog;
  readonly #held: HeldSnapshot;
  readonly #isAttached: boolean;
  // The latest time that a caller passed.
  #now = 0;
  #isOpen = true;

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
    this.#writer = writer;
    this.#shared = shared;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? LOCK_TIMEOUT_MS;
    this.#busyTimeoutMs = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
    this.#backoff = new Backoff(attach);
    this.#isAttached = attach;
    if (!attach) prepareDirectory(dirname(directory), directory, options.allowUntrusted ?? false);
    this.blobs = new BlobFiles(directory);
    if (!attach) this.blobs.create();
    const file = join(directory, DATABASE_FILE);
    this.#database = attach ? attachDatabase(file) : openDatabase(file, SCHEMA, options.openingWait);
    const inode = inodeOf(file);
    try {
      if (!attach) indexForPolicy(this.#database, policy);
      this.#database.pragma('busy_timeout = 0');
      this.#log = new WalFile(
        this.#database,
        policy === 'none' ? Number.POSITIVE_INFINITY : maxSize,
        shared.unflushedPages,
      );
      this.#changes = new ChangeLog(`${file}-changes`, writer);
      this.#database.function(NOTE, { directOnly: true }, (hash: number) =>
        Number(this.#changes.note([hash])),
      );
      this.#sql = prepare(this.#database, policy);
      this.#held = new HeldSnapshot(this.#database);
      this.#usage = new Usage(this.#database, this.#sql);
      this.#ownership = new Ownership(this.#sql, writer, this.#changes);
      this.#entries = new EntryTable({
        sql: this.#sql,
        usage: this.#usage,
        blobs: this.blobs,
        space: shared.space,
        maxSize,
        policy,
        file,
        takeAccesses: options.takeAccesses ?? (() => []),
        isShared: () => this.#ownership.isShared,
        forgetPages: () => this.#database.pragma('shrink_memory'),
        onMeasure: size => shared.versions.setNearLimit(isNearLimit(policy, size, maxSize)),
      });
      this.#entries.hasPendingCleanup = !attach;
      const external = new ExternalCommits(this.#database, shared, writer, this.#changes);
      this.reader = new SqliteReader(this.#database, external, this.#held);
      this.#files = new FileMonitor(directory, file, inode, {
        leastLength: () => this.#leastLength(),
        // Its pages are read anew: damage shows before more is stored on them.
        onModified: () => this.#database.pragma('shrink_memory'),
      });
      if (!attach) {
        this.#join(options.openingWait);
        shared.space.clear();
        external.begin();
        // Damage shows now, when it can be repaired.
        this.#usage.size();
      }
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  // A store that cannot be written to can still be read: then the others do not count this process, and it takes the
  // store for shared.
  #join(wait = BUSY_TIMEOUT_MS): void {
    try {
      this.#begin(wait);
      this.#ownership.join();
      this.#sql.commit.run();
    } catch (error) {
      if (isDamage(error)) throw error;
    } finally {
      this.#rollBack();
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
      const only = batch.length === 1 ? batch[0]! : undefined;
      const result = only && this.#applyPlain(only.operation, only.now);
      return result ? [result] : this.#applyInTransaction(batch);
    } catch (error) {
      throw asBusy(error);
    } finally {
      lock.release();
    }
  }

  // Applies an operation on one entry without a blob. Undefined when it takes more than one statement, or has changed
  // nothing.
  #applyPlain(operation: WriteOperation, now: number): WriteResult | undefined {
    const sql = this.#ownership.plainWrites;
    if (!sql || this.#hasToEvict) return undefined;
    this.#now = now;
    try {
      switch (operation.type) {
        case 'set':
          return this.#entries.isPlain(operation) ? this.#set(sql, operation, now) : undefined;
        case 'delete':
          return operation.keys.length === 1 ? this.#delete(sql, operation.keys[0]!, now) : undefined;
        case 'touch':
          return this.#touch(sql, operation.key, operation.expires, now);
        default:
          return undefined;
      }
    } catch (error) {
      if (classify(error) !== 'busy') throw error;
      // Another connection has committed since the snapshot was taken, or is about to.
      return this.#held.release() ? this.#applyPlain(operation, now) : undefined;
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
    if (operation.type === 'set-many') return new SteppedWrite(own.#setInSteps(operation, now), end);
    return own.#clearInBackground(timeoutMs, end);
  }

  // One transaction, during which other work gets turns of the event loop, but no other thread can write.
  *#setInSteps(operation: WriteOperation & { type: 'set-many' }, now: number): Generator<void, WriteResult> {
    const entries = this.#entries;
    if (entries.hasTooLarge(operation)) return { value: false };
    this.#begin(this.#busyTimeoutMs);
    try {
      const isNoted = this.#ownership.enter();
      entries.begin();
      for (const part of chunksOf(operation.entries)) {
        entries.apply({ ...operation, entries: part }, now);
        // So many entries would only displace those that are read.
        entries.forgetStored();
        yield;
      }
      entries.makeRoom(now, operation.entries.length);
      if (isNoted) this.#ownership.note('all');
      // The checkpoint is large, so it is done in the background.
      withoutCheckpoint(this.#database, () => this.#sql.commit.run());
      this.#shared.versions.bump('all');
    } catch (error) {
      entries.undo();
      throw error;
    } finally {
      this.#rollBack();
    }
    // If the background checkpoint fails, the next transaction's does the work.
    checkpointInBackground(this.#database.name).catch(() => undefined);
    return { value: true };
  }

  #clearInBackground(timeout: number, end: () => void): LongWrite {
    const tasks = clearing(this.#writer);
    const background = runInBackground(this.#database.name, tasks, { timeout, isTransaction: true });
    const resultOf = ([counted]: unknown[][][]): WriteResult => {
      const count = Number(counted?.[0]?.[0]);
      this.#entries.cleared(count);
      this.#shared.versions.bump('all');
      return { value: count };
    };
    return new BackgroundWrite(background, resultOf, end);
  }

  #set(
    sql: GuardedWrites,
    operation: WriteOperation & { type: 'set' },
    now: number,
  ): WriteResult | undefined {
    const { key, value, expires } = operation;
    const { versions, tier } = this.#shared;
    const hash = hashOf(key);
    const slot = versions.slotOf(hash);
    const version = versions.at(slot);
    const found = foundOf(value, expires);
    if (!this.#entries.setPlainly(sql, key, found, now, this.#ownership.run, hash)) return undefined;
    const after = versions.advance(slot, version);
    if (after !== undefined) tier.put(key, hash, after, found);
    this.#held.written();
    this.#log.wrote(pagesOf(value.size));
    this.#shared.space.write(footprintOf(key, value.size));
    if (this.#hasToEvict) this.#makeRoom(key);
    return { value: true, version: after };
  }

  #delete(sql: GuardedWrites, key: string, now: number): WriteResult | undefined {
    const hash = hashOf(key);
    const isDeleted = sql.delete.run(key, now, this.#ownership.run, hash).changes > 0;
    // Nothing there: another process may have removed an entry that this one has copies of.
    if (!isDeleted && this.#sql.row.get(key)) return undefined;
    if (isDeleted) this.#entries.counts.deletes++;
    this.#held.written();
    this.#shared.versions.bumpOne(hash);
    return { value: isDeleted ? 1 : 0 };
  }

  #touch(sql: GuardedWrites, key: string, expires: number | null, now: number): WriteResult | undefined {
    this.#held.release();
    const hash = hashOf(key);
    const row = this.#sql.row.get(key);
    if (row && !isExpired(row[5], now)) {
      const [id, , , sum, , before] = row;
      const changed = withExpiry(withExpiry(sum, before), expires);
      const { changes } = sql.touch.run(expires, changed, id, sum, before, this.#ownership.run, hash);
      if (changes === 0) return undefined;
      this.#shared.versions.bumpOne(hash);
      return { value: true };
    }
    this.#shared.versions.bumpOne(hash);
    return { value: false };
  }

  get #hasToEvict(): boolean {
    const { space } = this.#shared;
    return this.policy !== 'none' && (space.bytesToEvict > 0 || space.needsMeasuring);
  }

  // Called after a value was stored.
  #makeRoom(key: string): void {
    try {
      this.#applyInTransaction([], key);
    } catch {
      // The value is committed, even if making room failed. The next write meets the same error.
      this.#entries.hasPendingCleanup = true;
    }
  }

  // `stored`: the key stored just before.
  #applyInTransaction(batch: readonly TimedOperation[], stored?: string): WriteResult[] {
    const entries = this.#entries;
    this.#begin(this.#busyTimeoutMs);
    try {
      const isNoted = this.#ownership.enter();
      entries.begin(stored);
      const results = batch.map(({ operation, now }) => entries.apply(operation, now));
      // Entries that are expired for the whole batch go first; an empty batch brings no time.
      if (batch.length > 0) this.#now = batch.reduce((least, { now }) => Math.min(least, now), batch[0]!.now);
      entries.makeRoom(this.#now, batch.length);
      const changed = this.#changed();
      if (isNoted && (entries.allChanged || changed.length > 0)) {
        this.#ownership.note(entries.allChanged ? 'all' : changed.map(({ hash }) => hash));
      }
      this.#sql.commit.run();
      // Before the lock is released: if the thread ends in between, all copies that its writes may concern are
      // outdated.
      this.#share(changed);
      return results;
    } catch (error) {
      entries.undo();
      throw asBusy(error);
    } finally {
      this.#rollBack();
    }
  }

  // The keys that the transaction has changed, and their versions before the commit.
  #changed(): Changed[] {
    const { versions } = this.#shared;
    const changed: Changed[] = [];
    for (const [key, stored] of this.#entries.changed) {
      const hash = hashOf(key);
      const slot = versions.slotOf(hash);
      changed.push({ key, hash, slot, version: versions.at(slot), stored });
    }
    return changed;
  }

  // Invalidates outdated copies, and shares the stored values: other threads need not fetch them from the database.
  #share(changed: readonly Changed[]): void {
    const { versions, tier } = this.#shared;
    const { allChanged, found } = this.#entries;
    if (allChanged) versions.bump('all');
    for (const { key, hash, slot, version, stored } of changed) {
      const after = versions.advance(slot, version);
      if (after === undefined || stored === undefined) continue;
      tier.put(key, hash, after, stored);
    }
    for (const key of found) versions.bumpOne(hashOf(key));
    this.#log.wrote(changed.length + 1);
  }

  #begin(timeoutMs: number): void {
    this.#held.release();
    const until = performance.now() + timeoutMs;
    let delays: Generator<number, never> | undefined;
    for (;;) {
      try {
        this.#sql.begin.run();
        return;
      } catch (error) {
        if (classify(error) !== 'busy') throw error;
        delays ??= this.#backoff.delays();
        if (performance.now() >= until) throw asBusy(error);
        sleepSync(delays.next().value);
      }
    }
  }

  #rollBack(): void {
    if (this.#database.inTransaction) this.#sql.rollback.run();
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
    this.#held.release();
    return checkStore(this.#database, this.blobs, this.#shared.lock, repair);
  }

  async collectGarbage(): Promise<number> {
    this.#held.release();
    await collectGarbage(this.#database, this.blobs, this.#shared.lock);
    const evicted = await this.#keepWithinLimit();
    await this.shrink(true);
    return evicted;
  }

  // Also when the excess is only holes in pages.
  async #keepWithinLimit(): Promise<number> {
    const { freed } = this.#entries;
    let evicted = 0;
    while (this.policy !== 'none' && this.#isOpen && this.#usage.size() > this.maxSize) {
      const places = freed.count;
      const [result] = await this.#whenFree(() =>
        this.apply([{ operation: { type: 'cleanup' }, now: this.#now }]),
      );
      const removed = result && 'value' in result ? Number(result.value) : 0;
      if (removed === 0 && freed.count === places) break;
      evicted += removed;
    }
    return evicted;
  }

  /** Whether enough space is free in the file to be worth returning, or its log has grown too large. */
  get isShrinkable(): boolean {
    return this.#log.isTooLarge || isShrinkable(this.#usage);
  }

  async shrink(all = false): Promise<void> {
    const hasFree = isShrinkable(this.#usage, all);
    if (!hasFree && this.#log.size <= this.#log.maxBytesAtRest) return;
    const step = () => this.#underLock(() => shrink(this.#database, this.#sql, this.#usage));
    if (hasFree) while (this.#isOpen && (await this.#whenFree(step)));
    if (this.#isOpen) await this.#whenFree(() => this.#underLock(() => this.#log.empty()));
  }

  // Tries again, without blocking, while other threads or processes write.
  async #whenFree<T>(task: () => T): Promise<T> {
    for (;;) {
      try {
        const result = task();
        await new Promise(setImmediate);
        return result;
      } catch (error) {
        if (!(error instanceof StoreBusyError)) throw error;
      }
      await pause(STEP_RETRY_MS);
    }
  }

  #underLock<T>(task: () => T): T {
    this.#acquire();
    try {
      return task();
    } catch (error) {
      throw asBusy(error);
    } finally {
      this.#shared.lock.release();
    }
  }

  #acquire(): void {
    this.#held.release();
    if (!this.#shared.lock.acquire(this.#lockTimeoutMs))
      throw new StoreBusyError('Other threads are writing.');
  }

  close(): void {
    this.#isOpen = false;
    this.#held.release();
    if (!this.#isAttached) this.#leave();
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
      this.#begin(this.#busyTimeoutMs);
      this.#ownership.leave();
      this.#sql.commit.run();
    } catch {
      // Others notice that this process has left when it has ended.
    } finally {
      this.#rollBack();
    }
  }
}

interface Changed {
  key: string;
  hash: number;
  slot: number;
  version: number;
  stored: FoundValue | undefined;
}

function asBusy(error: unknown): unknown {
  return classify(error) === 'busy' ? new StoreBusyError((error as Error).message, { cause: error }) : error;
}

// Pages of the log that a plain set writes.
function pagesOf(size: number): number {
  return 1 + Math.trunc(size / PAGE_SIZE);
}
