// Maintenance of a store: checks and repairs it, removes garbage, keeps it within its limit, and returns disk space. It
// is done in steps, between which other threads and processes write.
import type { Database } from 'better-sqlite3';
import { pause, setImmediate } from '../../../system/time.ts';
import type { WriteLock } from '../../shared/write-lock.ts';
import type { BlobFiles } from '../blobs.ts';
import { StoreBusyError } from '../store.ts';
import { type CheckResult, checkStore, collectGarbage } from './check.ts';
import type { HeldSnapshot } from './held-snapshot.ts';
import { isShrinkable, shrink } from './shrink.ts';
import type { Statements } from './statements.ts';
import { asBusy } from './transactions.ts';
import type { Usage } from './usage.ts';
import type { WalFile } from './wal-file.ts';

// Interval between attempts at a step while others' transactions prevent it.
const RETRY_MS = 5;

export interface MaintenanceOptions {
  database: Database;
  sql: Statements;
  usage: Usage;
  blobs: BlobFiles;
  held: HeldSnapshot;
  log: WalFile;
  lock: WriteLock;
  /** Takes the lock. Throws StoreBusyError. */
  acquire: () => void;
  /** Bytes that the store may have; undefined: there is no limit. */
  limit: number | undefined;
  /** Removes some of what is expired or exceeds the limit. Throws StoreBusyError. */
  cleanUp: () => { removed: number; hasFreed: boolean };
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  #isOver = false;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  /** Called when the store is closed. */
  end(): void {
    this.#isOver = true;
  }

  check(repair: boolean): Promise<CheckResult> {
    const { database, blobs, held, lock } = this.#options;
    held.release();
    return checkStore(database, blobs, lock, repair);
  }

  /** Resolves to the number of entries that were evicted. */
  async collectGarbage(): Promise<number> {
    const { database, blobs, held, lock } = this.#options;
    held.release();
    await collectGarbage(database, blobs, lock);
    const evicted = await this.#keepWithinLimit();
    await this.shrink(true);
    return evicted;
  }

  // Also when the excess is only holes in pages.
  async #keepWithinLimit(): Promise<number> {
    const { usage, limit = Number.POSITIVE_INFINITY, cleanUp } = this.#options;
    let evicted = 0;
    while (!this.#isOver && usage.size() > limit) {
      const { removed, hasFreed } = await this.#whenFree(cleanUp);
      if (removed === 0 && !hasFreed) break;
      evicted += removed;
    }
    return evicted;
  }

  /** Whether enough space is free in the file to be worth returning, or its log has grown too large. */
  get isShrinkable(): boolean {
    const { log, usage } = this.#options;
    return log.isTooLarge || isShrinkable(usage);
  }

  /** @param all whether to return all of the free space, or only what is worth it */
  async shrink(all = false): Promise<void> {
    const { database, sql, usage, log } = this.#options;
    const hasFree = isShrinkable(usage, all);
    if (!hasFree && log.size <= log.maxBytesAtRest) return;
    const step = () => this.#underLock(() => shrink(database, sql, usage));
    if (hasFree) while (!this.#isOver && (await this.#whenFree(step)));
    if (!this.#isOver) await this.#whenFree(() => this.#underLock(() => log.empty()));
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
      await pause(RETRY_MS);
    }
  }

  #underLock<T>(task: () => T): T {
    const { lock, acquire } = this.#options;
    acquire();
    try {
      return task();
    } catch (error) {
      throw asBusy(error);
    } finally {
      lock.release();
    }
  }
}
