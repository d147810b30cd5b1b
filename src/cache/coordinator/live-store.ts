// Live store of a tag: opened, opened anew when its files were removed or replaced, quarantined when they are damaged,
// and absent while it cannot be used.
import { join } from 'node:path';
import { clearInterval, performance, setInterval } from '../../system/time.ts';
import type { Accesses } from '../operations.ts';
import type { StoreOptions } from '../protocol.ts';
import { SharedMemory } from '../shared/shared-memory.ts';
import { MemoryStore } from '../storage/memory-store.ts';
import { coordinatorStores, type Parkable, withDescriptors } from '../storage/open-stores.ts';
import { classify } from '../storage/sqlite/connection.ts';
import { inspectFile, isDamage, OPENING_WAIT_MS } from '../storage/sqlite/open.ts';
import { DATABASE_FILE, SqliteStore } from '../storage/sqlite/store.ts';
import { type Store, StoreBusyError, type StoreCounts, type StoreTotals } from '../storage/store.ts';
import { removeStaleLocks } from './locks.ts';
import { explain, StoreWarnings } from './store-warnings.ts';

export interface LiveStoreOptions extends StoreOptions {
  tag: string;
  /** The tag's directory, also for memory stores, which do not touch it. */
  directory: string;
  backend: 'sqlite' | 'memory';
  /** The name of this process's writers. */
  writer: string;
}

export interface LiveStoreHooks {
  /** Called for every store that is opened, the first one included. */
  onOpen(): void;
  /** Returns the unreported reads of this thread's caches. */
  takeAccesses(): Accesses;
}

// Interval between attempts to open a store that failed, and between checks for a removed or replaced file.
const CHECK_INTERVAL_MS = 500;
const COMMIT_CHECK_INTERVAL_MS = 10;
// Somewhat shorter, so that every check makes an attempt.
const REOPEN_INTERVAL_MS = 400;
// Time for which another process may block this thread while it opens a store for a caller that can try again.
const SHORT_WAIT_MS = 200;
const RETRY_WAIT_MS = 20;

let collecting: Promise<void> = Promise.resolve();

export class LiveStore implements Parkable {
  readonly shared = new SharedMemory();
  #options: LiveStoreOptions;
  readonly #hooks: LiveStoreHooks;
  #current: Store | undefined;
  #degraded: string | undefined;
  #shrinking: Store | undefined;
  #openedAt = Number.NEGATIVE_INFINITY;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  // Closed for a while, see open-stores.ts; the other field identifies the file at that time.
  #isParked = false;
  #parkedFile: string | undefined;
  #lastUsed = 0;
  // Operations that use the store over several turns of the event loop.
  #pins = 0;
  // Counts of the stores that were closed.
  readonly #past: StoreCounts = { sets: 0, deletes: 0, evictions: 0, expired: 0 };
  readonly #checkTimer: NodeJS.Timeout;
  readonly #warnings: StoreWarnings;

  /**
   * Throws {@link StoreBusyError} when another process keeps the store from being opened and `mayBeBusy`.
   */
  constructor(options: LiveStoreOptions, hooks: LiveStoreHooks, mayBeBusy = false) {
    this.#options = options;
    this.#warnings = new StoreWarnings(options.tag);
    this.shared.limits.set(options);
    this.#hooks = hooks;
    this.#open(mayBeBusy ? SHORT_WAIT_MS : OPENING_WAIT_MS, mayBeBusy);
    this.#checkTimer = setInterval(() => {
      if (this.checkFiles()) return;
      const store = this.#current;
      if (store) this.read(() => store.watchLog?.());
      void this.#shrink();
    }, CHECK_INTERVAL_MS).unref();
  }

  /** The store, opened again if need be. */
  get current(): Store | undefined {
    this.#lastUsed = coordinatorStores.tick();
    if (this.#isParked) this.#unpark();
    return this.#current;
  }

  /** Whether the store has cleanup to do. A store that is closed for a while has none. */
  get hasPendingCleanup(): boolean {
    return this.#current?.hasPendingCleanup ?? false;
  }

  /** Since the first opening. */
  get counts(): StoreCounts {
    const { sets, deletes, evictions, expired } = this.#past;
    const now = this.#current?.counts;
    return {
      sets: sets + (now?.sets ?? 0),
      deletes: deletes + (now?.deletes ?? 0),
      evictions: evictions + (now?.evictions ?? 0),
      expired: expired + (now?.expired ?? 0),
    };
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  get isBusy(): boolean {
    return this.#pins > 0;
  }

  park(): void {
    this.#parkedFile = this.#fileNow();
    this.#isParked = true;
    this.#closeCurrent(store => store.park());
  }

  #unpark(): void {
    this.#isParked = false;
    this.#open(OPENING_WAIT_MS, false, true);
    // The file was replaced meanwhile.
    if (this.#fileNow() !== this.#parkedFile) this.shared.versions.bumpEpoch();
  }

  // Distinguishes a file from one that took its name. The inode alone is not enough: it may be reused.
  #fileNow(): string {
    const file = inspectFile(join(this.#options.directory, DATABASE_FILE));
    return `${file?.ino} ${file?.birthtimeMs}`;
  }

  /** Runs work that takes several turns of the event loop, and keeps the store open for it. */
  async use<T>(work: (store: Store | undefined) => Promise<T>): Promise<T> {
    this.pin();
    try {
      return await work(this.current);
    } finally {
      this.unpin();
    }
  }

  /** The beginning of such work whose end is not awaited. */
  pin(): void {
    this.#pins++;
  }

  /** The end of work begun with {@link pin}. */
  unpin(): void {
    this.#pins--;
  }

  #closeCurrent(close = (store: Store) => store.close()): void {
    const store = this.#current;
    this.#current = undefined;
    coordinatorStores.delete(this);
    if (!store) return;
    for (const name of ['sets', 'deletes', 'evictions', 'expired'] as const) {
      this.#past[name] += store.counts[name];
    }
    try {
      close(store);
    } catch (error) {
      this.warnOf(error);
    }
  }

  /** Why there is no store. */
  get degraded(): string | undefined {
    return this.#degraded;
  }

  /** @param isKnown it was open before: files that others left there have been collected */
  #open(wait = OPENING_WAIT_MS, mayBeBusy = false, isKnown = false): void {
    this.#openedAt = performance.now();
    try {
      this.#current = withDescriptors(coordinatorStores, () => this.#openStore(wait));
      this.#degraded = undefined;
      if (this.#options.backend === 'sqlite') coordinatorStores.add(this);
      this.#hooks.onOpen();
      if (!isKnown) this.#collectInSequence();
    } catch (error) {
      if (mayBeBusy && classify(error) === 'busy') {
        throw new StoreBusyError((error as Error).message, { cause: error });
      }
      this.#degraded = explain(error);
      this.#warnings.degraded(this.#degraded);
    }
    this.shared.versions.setDegraded(this.#degraded !== undefined);
    this.shared.versions.setNearLimit(this.#current?.isNearLimit ?? false);
  }

  #openStore(openingWait: number): Store {
    const { backend, directory, maxSize, policy, writer, allowUntrusted } = this.#options;
    const { shared } = this;
    const { takeAccesses } = this.#hooks;
    if (backend === 'memory') {
      return new MemoryStore({ maxSize, policy, versions: shared.versions, takeAccesses });
    }
    const onQuarantine = (name: string) => this.#warnings.quarantined(name);
    return SqliteStore.open({
      ...{ directory, maxSize, policy, writer, allowUntrusted },
      ...{ onQuarantine, shared, openingWait, takeAccesses },
    });
  }

  /** Applies other limits to the store. */
  adopt(options: StoreOptions): void {
    this.#options = { ...this.#options, ...options };
    this.shared.limits.set(options);
    if (this.#current instanceof MemoryStore) this.#current.setLimits(options);
    // Every thread opens it anew, with the new options.
    else this.#reopen();
  }

  get lockDirectory(): string | undefined {
    // Nothing is created in a directory that was refused, and without a store no lock is needed.
    const hasLocks = this.#options.backend === 'sqlite' && this.#degraded === undefined;
    return hasLocks ? join(this.#options.directory, 'locks') : undefined;
  }

  /** The result of a read, or undefined when there is no store or the read fails, which is handled here. */
  read<T>(read: (store: Store) => T): T | undefined {
    try {
      const store = this.current;
      return store && read(store);
    } catch (error) {
      return this.readFailed(error);
    }
  }

  /**
   * A thread's read failed. Damage is repaired by quarantining the database, unless that was done since the thread
   * opened it, in `epoch`; other errors are warned of once.
   */
  readFailed(error: unknown, epoch = this.shared.versions.epoch): undefined {
    if (this.#isParked) this.#unpark();
    if (isDamage(error)) {
      if (epoch === this.shared.versions.epoch) this.replaceDamaged();
    } else if (classify(error) !== 'busy' && !this.checkFiles()) {
      // Warned of only if removed files are not the cause.
      this.warnOf(error);
    }
  }

  // Other threads' connections show the old file until they see the new epoch.
  #reopen(): void {
    this.#isParked = false;
    this.#closeCurrent();
    this.#open();
    this.shared.versions.bumpEpoch();
  }

  /** Returns the new name of the damaged database, if this process quarantined it. */
  replaceDamaged(): string | undefined {
    let quarantined: string | undefined;
    try {
      quarantined = this.#current?.quarantine();
      if (quarantined !== undefined) this.#warnings.quarantined(quarantined);
    } catch (error) {
      this.warnOf(error);
    }
    this.#reopen();
    return quarantined;
  }

  /** Checks the files. True when the store was opened anew. */
  checkFiles(): boolean {
    // A store that is closed for a while has nothing to lose.
    if (this.#isClosed || this.#isParked) return false;
    this.#checkedAt = performance.now();
    const state = this.#current?.fileState;
    if (state === 'damaged') {
      this.replaceDamaged();
      return true;
    }
    if (state === 'replaced') {
      this.#warnings.detached();
      this.#reopen();
      return true;
    }
    if (this.#current || this.#checkedAt - this.#openedAt <= REOPEN_INTERVAL_MS) return false;
    // A short wait, since this repeats: another process must not block this thread for long each time.
    this.#open(RETRY_WAIT_MS);
    if (!this.#current) return false;
    this.shared.versions.bumpEpoch();
    return true;
  }

  // Not awaited: the file shrinks a moment after entries were removed.
  async #shrink(): Promise<void> {
    const store = this.#current;
    if (!store || this.#shrinking === store || !this.read(() => store.isShrinkable)) return;
    this.#shrinking = store;
    try {
      await this.use(() => store.shrink());
    } catch (error) {
      if (store === this.#current) this.warnOf(error);
    } finally {
      this.#shrinking = undefined;
    }
  }

  /** As {@link checkFiles}, nearly each time: a write to a removed file would be acknowledged and lost. */
  checkFilesBeforeCommit(): void {
    if (performance.now() - this.#checkedAt > COMMIT_CHECK_INTERVAL_MS) this.checkFiles();
  }

  /** See {@link Store.totals}. */
  async totals(): Promise<StoreTotals | undefined> {
    try {
      return await this.use(async store => store?.totals());
    } catch (error) {
      return this.readFailed(error);
    }
  }

  /** Removes files that ended processes left behind, and returns disk space. See {@link Store.collectGarbage}. */
  async collectGarbage(): Promise<number> {
    const store = this.#current;
    try {
      return await this.#collectAll();
    } catch (error) {
      // An error of a store that was closed meanwhile is expected.
      if (store === this.#current) this.warnOf(error);
      return 0;
    }
  }

  // One store after the other: of many that are opened together, those that wait may be closed again.
  #collectInSequence(): void {
    collecting = collecting
      .then(() => (this.#current ? this.#collectAll() : 0))
      .then(
        () => undefined,
        () => undefined,
      );
  }

  #collectAll(): Promise<number> {
    return this.use(async store => (store ? this.#collect(store) : 0));
  }

  async #collect(store: Store): Promise<number> {
    if (this.lockDirectory !== undefined) {
      await removeStaleLocks(this.lockDirectory);
      // The lock that is held while the database file itself is migrated or quarantined.
      await removeStaleLocks(this.#options.directory);
    }
    return store.collectGarbage();
  }

  /** Warns of an error, once. */
  warnOf(error: unknown): void {
    // The degraded warning already covers this.
    if (this.#degraded === undefined) this.#warnings.trouble(error);
  }

  /** Warns once of a value that was not stored because it exceeds the size limit of the whole store. */
  warnOfSize(key: string, size: number): void {
    this.#warnings.tooLarge(key, size, this.#options.maxSize);
  }

  /** The store is closed for good. */
  retire(): void {
    this.#isClosed = true;
    clearInterval(this.#checkTimer);
  }

  close(): void {
    this.retire();
    this.#isParked = false;
    this.#closeCurrent();
    this.#degraded = 'The store is closed.';
  }
}
