// One store as the coordinator runs it: the queue in front of its writer, its leases, and who uses it.
import { join } from 'node:path';
import { BlobFiles } from '../cache/blobs.ts';
import type { CacheStats, CheckReport, EvictionPolicy } from '../cache/cache.ts';
import { COUNTERS, Counter } from '../cache/link.ts';
import { MemoryStore } from '../cache/memory-store.ts';
import { SharedMemory } from '../cache/shared-memory.ts';
import { classify } from '../cache/sqlite/connection.ts';
import { isDamage } from '../cache/sqlite/open.ts';
import { DATABASE_FILE, SqliteStore } from '../cache/sqlite/store.ts';
import {
  isExpired,
  type LeaseRecord,
  type Store,
  StoreBusyError,
  type WriteOperation,
  type WriteResult,
} from '../cache/store.ts';
import { AccessLog } from './access-log.ts';
import { type Client, type LeaseHost, Leases } from './leases.ts';
import { collectLocks } from './locks.ts';
import { type Queued, WriteQueue, type Writer } from './write-queue.ts';

export interface HostOptions {
  tag: string;
  /** The tag's directory, also for memory stores, which do not touch it. */
  directory: string;
  backend: 'sqlite' | 'memory';
  maxSize: number;
  policy: EvictionPolicy;
  /** The name of this process's writers. */
  writer: string;
  /** See CacheOptions. */
  allowUntrusted: boolean;
}

// A store that cannot be opened is tried again, and one whose file was removed or replaced is noticed, this often.
const LOOK_INTERVAL_MS = 1000;
const COMMIT_LOOK_INTERVAL_MS = 10;
const REOPEN_INTERVAL_MS = 5000;
const DEFAULT_TIMEOUT_MS = 30_000;

export class StoreHost implements LeaseHost, Writer {
  readonly options: HostOptions;
  readonly shared = new SharedMemory();
  readonly leases: Leases;
  #store: Store | undefined;
  #degraded: string | undefined;
  #openedAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  /** The last transaction failed. */
  #isStuck = false;
  readonly #queue = new WriteQueue(this);
  readonly #accessLog = new AccessLog((operation, now) => this.#push(operation, now));
  readonly #looking: NodeJS.Timeout;
  readonly #counters = new Map<Client, Float64Array>();
  readonly #users = new Map<Client, number>();
  readonly #past = new Float64Array(COUNTERS);
  readonly #warned = new Set<string>();

  constructor(options: HostOptions) {
    this.options = options;
    this.leases = new Leases(this);
    this.#open();
    this.#looking = setInterval(() => this.#look(), LOOK_INTERVAL_MS).unref();
  }

  #open(): void {
    this.#openedAt = performance.now();
    try {
      this.#store = this.#openStore();
      this.#degraded = undefined;
      void this.#collect(this.#store).catch(() => undefined);
    } catch (error) {
      this.#degraded = (error as Error).message;
      this.#warn(
        'open',
        `The cache '${this.options.tag}' cannot be used and everything will miss: ${this.#degraded}`,
      );
    }
    this.shared.versions.setDegraded(this.#degraded !== undefined);
    this.shared.versions.setPressed(this.#store?.isPressed ?? false);
  }

  #openStore(): Store {
    const { backend, directory, maxSize, policy, writer, allowUntrusted } = this.options;
    const { shared } = this;
    if (backend === 'memory') return new MemoryStore({ maxSize, policy, versions: shared.versions });
    const onSetAside = (name: string) => this.#warnSetAside(name);
    return new SqliteStore({ directory, maxSize, policy, writer, allowUntrusted, onSetAside, shared });
  }

  get degraded(): string | undefined {
    return this.#degraded;
  }

  /** The coordinator's own connection. */
  get reader(): Store['reader'] {
    if (!this.#store) throw new Error(this.#degraded ?? 'The store is closed.');
    return this.#store.reader;
  }

  get blobs(): BlobFiles | undefined {
    return this.options.backend === 'sqlite' ? new BlobFiles(this.options.directory) : undefined;
  }

  /** The database file; undefined for stores that have none. */
  get file(): string | undefined {
    return this.options.backend === 'sqlite' ? join(this.options.directory, DATABASE_FILE) : undefined;
  }

  get lockDirectory(): string | undefined {
    // Nothing is made in a directory that was refused, and what cannot be stored need not be locked.
    const hasLocks = this.options.backend === 'sqlite' && this.#degraded === undefined;
    return hasLocks ? join(this.options.directory, 'locks') : undefined;
  }

  /** One more cache instance of this thread uses the store. Returns the thread's counters. */
  addUser(client: Client): Float64Array {
    this.#users.set(client, (this.#users.get(client) ?? 0) + 1);
    let counters = this.#counters.get(client);
    if (!counters) {
      counters = new Float64Array(new SharedArrayBuffer(COUNTERS * Float64Array.BYTES_PER_ELEMENT));
      this.#counters.set(client, counters);
    }
    return counters;
  }

  /** Returns true when nobody uses the store any more. */
  removeUser(client: Client): boolean {
    const left = (this.#users.get(client) ?? 0) - 1;
    if (left > 0) this.#users.set(client, left);
    else this.dropClient(client);
    return this.#users.size === 0;
  }

  /** A thread has ended, perhaps in the middle of writing by itself. */
  threadEnded(thread: number): void {
    const { versions, tier, group } = this.shared;
    const wasWriting = versions.turn.isOf(thread);
    // It may have committed something and not have come to say so.
    if (wasWriting) versions.bump('all');
    group.endOf(thread, wasWriting ? () => this.#try(store => store.latestCommits()) : undefined);
    tier.endOf(thread);
    versions.turn.endOf(thread);
    group.wakeOne();
  }

  /** A thread that writes by itself left tidying up to do. */
  tidy(): void {
    if (this.#store) this.#store.hasBacklog = true;
    this.#queue.wake();
  }

  /** The thread has ended or closed its last cache. Returns true when nobody uses the store any more. */
  dropClient(client: Client): boolean {
    this.#users.delete(client);
    const counters = this.#counters.get(client);
    this.#counters.delete(client);
    counters?.forEach((count, index) => {
      this.#past[index]! += count;
    });
    this.leases.drop(client);
    return this.#users.size === 0;
  }

  /** Threads that use the store. */
  get clientCount(): number {
    return this.#users.size;
  }

  /** Resolves after the commit, when every thread that reads will see the change. `timeout`: milliseconds to wait for other processes. */
  write(operation: WriteOperation, now: number, timeout = DEFAULT_TIMEOUT_MS): Promise<WriteResult> {
    if (operation.type === 'access') {
      this.#accessLog.add(operation, now, this.shared.versions.isPressed);
      return operation.isUrgent ? this.#accessLog.flush() : Promise.resolve({ value: true });
    }
    return this.#push(operation, now, timeout);
  }

  #push(operation: WriteOperation, now: number, timeout = DEFAULT_TIMEOUT_MS): Promise<WriteResult> {
    return new Promise(done => {
      this.#queue.push({ operation, now, deadline: performance.now() + timeout, done });
    });
  }

  has(key: string, now: number): boolean {
    const found = this.#try(store => store.reader.read(key));
    return found !== undefined && !(found instanceof Promise) && !isExpired(found.expires, now);
  }

  leaseOf(key: string): LeaseRecord | undefined {
    return this.#try(store => store.lease(key));
  }

  #try<T>(read: (store: Store) => T): T | undefined {
    try {
      return this.#store && read(this.#store);
    } catch (error) {
      return this.readFailed(error);
    }
  }

  /**
   * A thread's read failed. Damage is mended by setting the database aside, unless that was done since the thread
   * opened it, in `epoch`; the rest is said once.
   */
  readFailed(error: unknown, epoch = this.shared.versions.epoch): undefined {
    if (isDamage(error)) {
      if (epoch === this.shared.versions.epoch) this.#replaceDamaged();
    } else if (classify(error) !== 'busy' && !this.#look()) {
      // Not only a symptom of files that were removed.
      this.#warnOf(error);
    }
  }

  stats(): CacheStats {
    const { tag, backend, directory, maxSize } = this.options;
    const sum = (index: number) =>
      [...this.#counters.values()].reduce((total, counters) => total + counters[index]!, this.#past[index]!);
    const degraded = this.#degraded === undefined ? {} : { degraded: this.#degraded };
    const totals = this.#try(store => store.totals()) ?? { size: 0, count: 0, blobs: 0 };
    const counts = this.#store?.counts ?? { sets: 0, deletes: 0, evictions: 0, expired: 0 };
    return {
      tag,
      backend,
      enabled: this.#degraded === undefined,
      ...degraded,
      directory: backend === 'sqlite' ? directory : undefined,
      maxSize,
      ...totals,
      hits: sum(Counter.hits),
      misses: sum(Counter.misses),
      sets: counts.sets + sum(Counter.sets),
      deletes: counts.deletes + sum(Counter.deletes),
      evictions: counts.evictions + sum(Counter.evictions),
      expired: counts.expired + sum(Counter.expired),
    };
  }

  async check(repair: boolean): Promise<CheckReport> {
    const store = this.#store;
    const report: CheckReport = { entries: 0, blobs: 0, problems: [] };
    try {
      const { changed, ...found } = (await store?.check(repair)) ?? { ...report, changed: false };
      if (changed) this.shared.versions.bump('all');
      Object.assign(report, found);
    } catch (error) {
      // So damaged that it could not even be looked through. Or it was replaced meanwhile: then it is all new.
      if (store !== this.#store) return report;
      if (!isDamage(error)) {
        this.#warnOf(error);
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
    if (repair && damage.length > 0 && store === this.#store) {
      const aside = this.#replaceDamaged();
      for (const problem of damage)
        problem.mended = `set aside${aside ? ` as ${aside}` : ''}, a new one begun`;
    }
    return report;
  }

  async collect(): Promise<void> {
    if (this.#store) await this.#collect(this.#store).catch((error: unknown) => this.#warnOf(error));
  }

  async #collect(store: Store): Promise<void> {
    if (this.lockDirectory !== undefined) {
      await collectLocks(this.lockDirectory);
      // The one that is held while the database file itself is migrated or set aside.
      await collectLocks(this.options.directory);
    }
    await store.collect();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#looking);
    void this.#accessLog.flush();
    this.#queue.close();
    this.#store?.close();
    this.#store = undefined;
    this.#degraded = 'The store is closed.';
  }

  /** True while the store has tidying up to do. */
  get hasBacklog(): boolean {
    // While nothing can be written, trying again at once would only keep the process busy, and from ending.
    return !this.#isStuck && (this.#store?.hasBacklog ?? false);
  }

  /** Commits a batch, for the queue. Whatever happens except {@link StoreBusyError}, every operation is answered. */
  commit(batch: readonly Queued[]): void {
    // Nearly each time: what is written to a file that was removed would be acknowledged and lost.
    if (performance.now() - this.#lookedAt > COMMIT_LOOK_INTERVAL_MS) this.#look();
    const store = this.#store;
    if (!store) {
      for (const queued of batch) this.#refuse(queued, this.#degraded ?? 'The store is closed.');
      return;
    }
    try {
      this.#apply(store, batch);
    } catch (error) {
      if (error instanceof StoreBusyError) throw error;
      this.#recover(error, batch);
    }
  }

  #apply(store: Store, batch: readonly Queued[]): void {
    const results = store.apply(batch);
    this.#isStuck = false;
    // What went into files that somebody removed is lost. Nothing is acknowledged before they were seen in their place
    // after the commit (3 µs): otherwise it is all done again, on the new ones.
    if (batch.length > 0 && this.#look()) {
      this.commit(batch);
      return;
    }
    for (const [index, { operation, done }] of batch.entries()) {
      const result = results[index]!;
      if (operation.type === 'set' && operation.lease !== undefined) {
        this.leases.settled(operation.key, operation.lease, this.#outcomeOf(operation, result));
      }
      done(result);
    }
  }

  // A store refuses a product because its producer lost the lease, or because it is larger than the whole limit.
  #outcomeOf(operation: WriteOperation & { type: 'set' }, result: WriteResult) {
    if ('value' in result && result.value === true) return 'stored';
    const { policy, maxSize } = this.options;
    return policy !== 'none' && operation.value.size > maxSize ? 'unstorable' : 'lost';
  }

  // The transaction failed. Damage: once more on a new database. Otherwise, and then: one by one, so that an
  // operation that asks too much of a full disk does not take the others with it.
  #recover(error: unknown, batch: readonly Queued[]): void {
    this.#isStuck = true;
    const isDamaged = isDamage(error);
    if (isDamaged) this.#replaceDamaged();
    else this.#warnOf(error);
    for (const queued of batch) {
      try {
        if (!this.#store || (batch.length === 1 && !isDamaged)) throw error;
        this.#apply(this.#store, [queued]);
      } catch (again) {
        if (again instanceof StoreBusyError) this.#queue.push(queued);
        else this.#refuse(queued, (again as Error).message);
      }
    }
  }

  #refuse({ operation, done }: Queued, failed: string): void {
    if (operation.type === 'set' && operation.lease !== undefined) {
      this.leases.settled(operation.key, operation.lease, 'unstorable');
    }
    done({ failed });
  }

  // Other threads' connections show the old file until they see the new epoch.
  #reopen(): void {
    try {
      this.#store?.close();
    } catch (error) {
      this.#warnOf(error);
    }
    this.#store = undefined;
    this.#isStuck = false;
    this.#open();
    this.shared.versions.bumpEpoch();
  }

  /** Gives the new name of the damaged database, when it was this process that set it aside. */
  #replaceDamaged(): string | undefined {
    let aside: string | undefined;
    try {
      aside = this.#store?.setAside();
      if (aside !== undefined) this.#warnSetAside(aside);
    } catch (error) {
      this.#warnOf(error);
    }
    this.#reopen();
    return aside;
  }

  /** Looks at what became of the files. True when the store was opened anew. */
  #look(): boolean {
    if (this.#isClosed) return false;
    this.#lookedAt = performance.now();
    const state = this.#store?.fileState;
    if (state === 'damaged') {
      this.#replaceDamaged();
      return true;
    }
    if (state === 'replaced') {
      this.#warn(
        'detached',
        `The database of the cache '${this.options.tag}' was removed or replaced while it was open. It is opened anew.`,
      );
      this.#reopen();
      return true;
    }
    if (this.#store || this.#lookedAt - this.#openedAt <= REOPEN_INTERVAL_MS) return false;
    this.#reopen();
    return true;
  }

  #warnSetAside(name: string): void {
    this.#warn(
      'damaged',
      `The database of the cache '${this.options.tag}' was damaged. It was set aside as ${name}, and a new one begun.`,
    );
  }

  #warnOf(error: unknown): void {
    // What follows from a store that cannot be used was said with that.
    if (this.#degraded !== undefined) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#warn(
      'trouble',
      `The cache '${this.options.tag}' has trouble and goes on without what failed: ${message}`,
    );
  }

  #warn(kind: string, message: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    process.emitWarning(message, { type: 'GloveboxWarning', code: 'GLOVEBOX_CACHE' });
  }
}
