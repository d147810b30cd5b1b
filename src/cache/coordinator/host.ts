// Store host: one store as the coordinator runs it, with the queue in front of its writer, its leases and its users.
import { join } from 'node:path';
import { sleepSync } from '../../system/sleep-sync.ts';
import { performance } from '../../system/time.ts';
import type { CacheStats, CheckReport } from '../cache.ts';
import {
  type Accesses,
  isExpired,
  type LeaseRecord,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../operations.ts';
import type { Stated, StoreOptions } from '../protocol.ts';
import { COUNTER } from '../shared/layout.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import { BlobFiles } from '../storage/blobs.ts';
import { isDamage } from '../storage/sqlite/open.ts';
import { DATABASE_FILE } from '../storage/sqlite/store.ts';
import { type Store, StoreBusyError } from '../storage/store.ts';
import { AccessBatcher } from './access-batcher.ts';
import { type Client, type LeaseHost, Leases } from './leases.ts';
import { LiveStore, type LiveStoreOptions } from './live-store.ts';
import { LongOperation } from './long-operation.ts';
import { StoreUsers } from './store-users.ts';
import { type PendingWrite, WriteQueue, type Writer } from './write-queue.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const BUSY_RETRY_MS = 4;

export interface HostOptions extends LiveStoreOptions {
  /** The options that callers have stated. */
  explicit: Stated;
}

export class StoreHost implements LeaseHost, Writer {
  options: HostOptions;
  readonly shared: SharedMemory;
  readonly leases: Leases;
  readonly #live: LiveStore;
  #isClosed = false;
  /** The last transaction failed. */
  #isStuck = false;
  /** The long operation in progress. */
  #long: LongOperation | undefined;
  #inSteps = 0;
  readonly #queue = new WriteQueue(this);
  readonly #accessBatcher = new AccessBatcher((operation, now, timeout) =>
    this.#push(operation, now, timeout),
  );
  readonly #users = new StoreUsers();

  /** Throws {@link StoreBusyError} when another process keeps the store from being opened and `mayBeBusy`. */
  constructor(options: HostOptions, mayBeBusy = false) {
    this.options = options;
    this.leases = new Leases(this);
    const onOpen = () => {
      this.#isStuck = false;
    };
    this.#live = new LiveStore(options, { onOpen, takeAccesses: () => this.#users.takeReads() }, mayBeBusy);
    this.shared = this.#live.shared;
  }

  get degraded(): string | undefined {
    return this.#live.degraded;
  }

  /** The coordinator's own connection. */
  get reader(): Store['reader'] {
    const { current } = this.#live;
    if (!current) throw new Error(this.#live.degraded ?? 'The store is closed.');
    return current.reader;
  }

  get blobs(): BlobFiles | undefined {
    return this.options.backend === 'sqlite' ? new BlobFiles(this.options.directory) : undefined;
  }

  /** The database file; undefined for stores that have none. */
  get file(): string | undefined {
    return this.options.backend === 'sqlite' ? join(this.options.directory, DATABASE_FILE) : undefined;
  }

  get lockDirectory(): string | undefined {
    return this.#live.lockDirectory;
  }

  /** Adopts the options that a caller states and earlier callers have not. */
  adopt({ maxSize, policy, allowUntrusted, explicit }: StoreOptions & { explicit: Stated }): void {
    const before = this.options;
    this.options = { ...before, maxSize, policy, allowUntrusted, explicit };
    const isSame =
      before.maxSize === maxSize && before.policy === policy && before.allowUntrusted === allowUntrusted;
    if (isSame) return;
    this.#live.adopt(this.options);
    // The store may exceed its limit now.
    this.runCleanup();
  }

  /** The store is unused, so the next caller may state any options. */
  forgetTerms(): void {
    this.options = { ...this.options, explicit: { maxSize: false, policy: false, allowUntrusted: false } };
  }

  /** Adds a cache of a thread to the store's users. Returns the thread's counters. */
  addUser(client: Client): Float64Array {
    return this.#users.add(client);
  }

  /** Returns true when the store has no users any more. */
  removeUser(client: Client): boolean {
    return this.#users.remove(client) ? this.dropClient(client) : false;
  }

  /** A thread has ended, perhaps in the middle of writing by itself. */
  onThreadExit(thread: number): void {
    const { versions, tier, lock } = this.shared;
    // The thread may have committed without having bumped the versions.
    if (lock.isHeldBy(thread)) versions.bump('all');
    tier.onThreadExit(thread);
    lock.releaseDead(thread);
  }

  /** Registers `take`, which is called before entries are evicted. Returns a function that removes it. */
  addReads(take: () => Accesses): () => void {
    return this.#users.addReads(take);
  }

  /** Commits at once, for this thread's caches; undefined when that is not possible, and {@link write} has to do it. */
  commitNow(batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const store = this.#long ? undefined : this.#live.current;
    if (!store) return undefined;
    try {
      const results = store.apply(batch);
      // Writes to files that were removed meanwhile are lost: they are applied again.
      if (this.#live.checkFiles()) return undefined;
      if (store.hasPendingCleanup) this.#queue.wake();
      return results;
    } catch {
      return undefined;
    }
  }

  /** A thread that writes by itself left cleanup to do. */
  runCleanup(): void {
    const { current } = this.#live;
    if (current) current.hasPendingCleanup = true;
    this.#queue.wake();
  }

  /** The thread has ended or closed its last cache. Returns true when the store has no users any more. */
  dropClient(client: Client): boolean {
    this.#users.drop(client);
    this.leases.drop(client);
    return this.#users.count === 0;
  }

  /** Threads that use the store. */
  get clientCount(): number {
    return this.#users.count;
  }

  /**
   * Resolves after the commit, when every thread that reads will see the change. `timeout`: milliseconds to wait for
   * other processes.
   */
  write(operation: WriteOperation, now: number, timeout = DEFAULT_TIMEOUT_MS): Promise<WriteResult> {
    if (operation.type === 'access') {
      this.#accessBatcher.add(operation, now, this.shared.versions.isNearLimit);
      return operation.isUrgent ? this.#accessBatcher.flush(timeout) : Promise.resolve({ value: true });
    }
    return this.#push(operation, now, timeout);
  }

  #push(operation: WriteOperation, now: number, timeout = DEFAULT_TIMEOUT_MS): Promise<WriteResult> {
    return new Promise(resolve => {
      this.#queue.push({ operation, now, deadline: performance.now() + timeout, resolve });
    });
  }

  /**
   * As {@link write}, but an operation that is not done when the time is over is never done: its caller has gone on
   * then.
   */
  writeInTime(operation: WriteOperation, now: number, timeout: number): Promise<WriteResult> {
    return new Promise(resolve => {
      this.#queue.push({ operation, now, deadline: performance.now() + timeout, isDue: true, resolve });
    });
  }

  /** As {@link writeInTime}, with this thread blocked for it. */
  writeNow(operation: WriteOperation, now: number, timeout: number): WriteResult {
    let result: WriteResult | undefined;
    const deadline = performance.now() + timeout;
    const resolve = (found: WriteResult) => {
      result = found;
    };
    this.#queue.push({ operation, now, deadline, isDue: true, resolve });
    while (!result) {
      this.#long?.finish(deadline - performance.now());
      // A long operation that cannot be finished in time keeps the lock.
      if (this.#queue.flush() === 'busy') sleepSync(BUSY_RETRY_MS);
    }
    return result;
  }

  has(key: string, now: number): boolean {
    const found = this.#live.read(store => store.reader.read(key));
    return found !== undefined && !(found instanceof Promise) && !isExpired(found.expires, now);
  }

  leaseOf(key: string): LeaseRecord | undefined {
    return this.#live.read(store => store.lease(key));
  }

  /** See {@link LiveStore.warnOf}. */
  warnOf(error: unknown): void {
    this.#live.warnOf(error);
  }

  /** See {@link LiveStore.readFailed}. */
  readFailed(error: unknown, epoch?: number): undefined {
    return this.#live.readFailed(error, epoch);
  }

  /** See {@link LiveStore.warnOfSize}. */
  tooLarge(key: string, size: number): void {
    this.#live.warnOfSize(key, size);
  }

  async stats(): Promise<CacheStats> {
    const { tag, backend, directory, maxSize } = this.options;
    const totals = (await this.#live.totals()) ?? { size: 0, count: 0, blobs: 0 };
    const degraded = this.#live.degraded === undefined ? {} : { degraded: this.#live.degraded };
    const { counts } = this.#live;
    const users = this.#users;
    return {
      tag,
      backend,
      enabled: this.#live.degraded === undefined,
      ...degraded,
      directory: backend === 'sqlite' ? directory : undefined,
      maxSize,
      ...totals,
      hits: users.total(COUNTER.hits),
      misses: users.total(COUNTER.misses),
      sets: counts.sets + users.total(COUNTER.sets),
      deletes: counts.deletes + users.total(COUNTER.deletes),
      evictions: counts.evictions + users.total(COUNTER.evictions),
      expired: counts.expired + users.total(COUNTER.expired),
    };
  }

  check(repair: boolean): Promise<CheckReport> {
    return this.#stepByStep(() => this.#live.use(store => this.#check(store, repair)));
  }

  // Waits for a running long operation, whose transaction is open, and lets none begin meanwhile.
  async #stepByStep<T>(work: () => Promise<T>): Promise<T> {
    while (this.#long) await this.#long.isOver;
    this.#inSteps++;
    try {
      return await work();
    } finally {
      this.#inSteps--;
    }
  }

  async #check(store: Store | undefined, repair: boolean): Promise<CheckReport> {
    const report: CheckReport = { entries: 0, blobs: 0, problems: [] };
    try {
      const { changed, ...found } = (await store?.check(repair)) ?? { ...report, changed: false };
      if (changed) this.shared.versions.bump('all');
      Object.assign(report, found);
    } catch (error) {
      // The store is too damaged to be scanned. If it was replaced meanwhile, the new one is intact.
      if (store !== this.#live.current) return report;
      if (!isDamage(error)) {
        this.#live.warnOf(error);
        return report;
      }
      const subject = this.file ?? this.options.directory;
      report.problems.push({
        kind: 'damaged-database',
        subject,
        message: (error as Error).message,
        mended: undefined,
      });
    }
    const damage = report.problems.filter(problem => problem.kind === 'damaged-database');
    if (repair && damage.length > 0 && store === this.#live.current) {
      const quarantined = this.#live.replaceDamaged();
      for (const problem of damage)
        problem.mended = `quarantined${quarantined ? ` as ${quarantined}` : ''}, a new one created`;
    }
    return report;
  }

  collectGarbage(): Promise<number> {
    return this.#stepByStep(() => this.#live.collectGarbage());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#live.retire();
    void this.#accessBatcher.flush();
    this.#queue.close();
    this.#live.close();
  }

  /** True while the store has cleanup to do. */
  get hasPendingCleanup(): boolean {
    // The last commit failed. Retrying at once would spin and keep the process alive.
    return !this.#isStuck && this.#live.hasPendingCleanup;
  }

  /** Commits a batch, for the queue. Whatever happens except {@link StoreBusyError}, every operation is answered. */
  commit(batch: readonly PendingWrite[]): void {
    this.#live.checkFilesBeforeCommit();
    const store = this.#live.current;
    if (!store) {
      for (const queued of batch) this.#refuse(queued, this.#live.degraded ?? 'The store is closed.');
      return;
    }
    try {
      this.#apply(store, batch);
    } catch (error) {
      if (error instanceof StoreBusyError) throw error;
      this.#recover(error, batch);
    }
  }

  /** Whether the operation takes several turns of the event loop, for the queue. */
  isLong(operation: WriteOperation): boolean {
    // A step-by-step scan of the store must not see a half-done long operation.
    if (this.#inSteps > 0 || (operation.type !== 'set-many' && operation.type !== 'clear')) return false;
    return this.#live.current?.isLong(operation) ?? false;
  }

  /** Commits and answers a long operation, for the queue. */
  commitLong(queued: PendingWrite, over: () => void): void {
    this.#long = new LongOperation(this.#live, queued, result => {
      this.#long = undefined;
      try {
        if (result) queued.resolve(result);
        // The ordinary commit meets the same error, and knows how to handle it.
        else this.commit([queued]);
      } catch (error) {
        this.#refuse(queued, (error as Error).message);
      }
      over();
    });
    this.#long.start();
  }

  #apply(store: Store, batch: readonly PendingWrite[]): void {
    const results = store.apply(batch);
    this.#isStuck = false;
    // Writes to files that were removed meanwhile are lost. No write is acknowledged before the files were seen in
    // their place after the commit (3 µs): otherwise the batch is applied again, on the new files.
    if (batch.length > 0 && this.#live.checkFiles()) {
      this.commit(batch);
      return;
    }
    for (const [index, { operation, resolve }] of batch.entries()) {
      const result = results[index]!;
      if (operation.type === 'set' && operation.lease !== undefined) {
        this.leases.settled(operation.key, operation.lease, this.#outcomeOf(operation, result));
      }
      resolve(result);
    }
  }

  // A store refuses a product because its producer lost the lease, or because it is larger than the whole limit.
  #outcomeOf(operation: WriteOperation & { type: 'set' }, result: WriteResult) {
    if ('value' in result && result.value === true) return 'stored';
    const { policy, maxSize } = this.options;
    return policy !== 'none' && operation.value.size > maxSize ? 'unstorable' : 'lost';
  }

  // The transaction failed. After damage: once more on a new database. Otherwise, and if that fails too: one by one, so
  // that an operation too large for a full disk does not take the others with it.
  #recover(error: unknown, batch: readonly PendingWrite[]): void {
    this.#isStuck = true;
    const isDamaged = isDamage(error);
    if (isDamaged) this.#live.replaceDamaged();
    else this.#live.warnOf(error);
    for (const queued of batch) {
      try {
        if (!this.#live.current || (batch.length === 1 && !isDamaged)) throw error;
        this.#apply(this.#live.current, [queued]);
      } catch (again) {
        if (again instanceof StoreBusyError) this.#queue.push(queued);
        else this.#refuse(queued, (again as Error).message);
      }
    }
  }

  #refuse({ operation, resolve }: PendingWrite, failed: string): void {
    if (operation.type === 'set' && operation.lease !== undefined) {
      this.leases.settled(operation.key, operation.lease, 'unstorable');
    }
    resolve({ failed });
  }
}
