// Transactions of a store's writer: one enters the run of the store (see ownership.ts), applies its operations, makes
// room for them, records what changed for other processes, and commits. Then copies of what changed are invalid.
import type { Database } from 'better-sqlite3';
import { sleepSync } from '../../../system/sleep-sync.ts';
import { performance } from '../../../system/time.ts';
import { chunksOf } from '../../../system/time-slice.ts';
import type { FoundValue, TimedOperation, WriteOperation, WriteResult } from '../../operations.ts';
import type { SharedMemory } from '../../shared/shared-memory.ts';
import { hashOf } from '../../shared/versions.ts';
import { StoreBusyError } from '../store.ts';
import { checkpointInBackground } from './background-statements.ts';
import type { Backoff } from './backoff.ts';
import { classify, withoutCheckpoint } from './connection.ts';
import type { EntryTable } from './entry-table.ts';
import type { HeldSnapshot } from './held-snapshot.ts';
import type { Ownership } from './ownership.ts';
import type { Statements } from './statements.ts';
import type { WalFile } from './wal-file.ts';

export interface TransactionsOptions {
  database: Database;
  sql: Statements;
  ownership: Ownership;
  entries: EntryTable;
  held: HeldSnapshot;
  log: WalFile;
  backoff: Backoff;
  shared: SharedMemory;
  /** Milliseconds to wait for other processes, with the thread blocked. */
  busyTimeoutMs: number;
}

interface Changed {
  key: string;
  hash: number;
  slot: number;
  version: number;
  stored: FoundValue | undefined;
}

/** For the thread that holds the write lock. */
export class Transactions {
  readonly #options: TransactionsOptions;
  /** The latest time that a caller passed. */
  now = 0;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /**
   * Applies all operations, or throws and has applied none.
   *
   * @param stored the key stored just before, which is not evicted at once
   */
  apply(batch: readonly TimedOperation[], stored?: string): WriteResult[] {
    const { sql, entries, ownership, busyTimeoutMs } = this.#options;
    this.#begin(busyTimeoutMs);
    try {
      const isNoted = ownership.enter();
      entries.begin(stored);
      const results = batch.map(({ operation, now }) => entries.apply(operation, now));
      // Entries that are expired for the whole batch go first; an empty batch brings no time.
      if (batch.length > 0) this.now = batch.reduce((least, { now }) => Math.min(least, now), batch[0]!.now);
      entries.makeRoom(this.now, batch.length);
      const changed = this.#changed();
      if (isNoted && (entries.allChanged || changed.length > 0)) {
        ownership.note(entries.allChanged ? 'all' : changed.map(({ hash }) => hash));
      }
      sql.commit.run();
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

  /** Sets very many entries in one transaction, and yields in between: then no other thread can write. */
  *setInSteps(operation: WriteOperation & { type: 'set-many' }, now: number): Generator<void, WriteResult> {
    const { database, sql, entries, ownership, shared, busyTimeoutMs } = this.#options;
    if (entries.hasTooLarge(operation)) return { value: false };
    this.#begin(busyTimeoutMs);
    try {
      const isNoted = ownership.enter();
      entries.begin();
      for (const part of chunksOf(operation.entries)) {
        entries.apply({ ...operation, entries: part }, now);
        // So many entries would only displace those that are read.
        entries.forgetStored();
        yield;
      }
      entries.makeRoom(now, operation.entries.length);
      if (isNoted) ownership.note('all');
      // The checkpoint is large, so it is done in the background.
      withoutCheckpoint(database, () => sql.commit.run());
      shared.versions.bump('all');
    } catch (error) {
      entries.undo();
      throw error;
    } finally {
      this.#rollBack();
    }
    // If the background checkpoint fails, the next transaction's does the work.
    checkpointInBackground(database.name).catch(() => undefined);
    return { value: true };
  }

  /** Runs statements that concern no entries. */
  run(statements: () => void, timeoutMs = this.#options.busyTimeoutMs): void {
    try {
      this.#begin(timeoutMs);
      statements();
      this.#options.sql.commit.run();
    } finally {
      this.#rollBack();
    }
  }

  #begin(timeoutMs: number): void {
    const { sql, held, backoff } = this.#options;
    held.release();
    const until = performance.now() + timeoutMs;
    let delays: Generator<number, never> | undefined;
    for (;;) {
      try {
        sql.begin.run();
        return;
      } catch (error) {
        if (classify(error) !== 'busy') throw error;
        delays ??= backoff.delays();
        if (performance.now() >= until) throw asBusy(error);
        sleepSync(delays.next().value);
      }
    }
  }

  #rollBack(): void {
    const { database, sql } = this.#options;
    if (database.inTransaction) sql.rollback.run();
  }

  // The keys that the transaction has changed, and their versions before the commit.
  #changed(): Changed[] {
    const { entries, shared } = this.#options;
    const { versions } = shared;
    const changed: Changed[] = [];
    for (const [key, stored] of entries.changed) {
      const hash = hashOf(key);
      const slot = versions.slotOf(hash);
      changed.push({ key, hash, slot, version: versions.at(slot), stored });
    }
    return changed;
  }

  // Invalidates outdated copies, and shares the stored values: other threads need not fetch them from the database.
  #share(changed: readonly Changed[]): void {
    const { entries, log, shared } = this.#options;
    const { versions, tier } = shared;
    const { allChanged, found } = entries;
    if (allChanged) versions.bump('all');
    for (const { key, hash, slot, version, stored } of changed) {
      const after = versions.advance(slot, version);
      if (after === undefined || stored === undefined) continue;
      tier.put(key, hash, after, stored);
    }
    for (const key of found) versions.bumpOne(hashOf(key));
    log.wrote(changed.length + 1);
  }
}

/** The error, as StoreBusyError if it means that another process is writing. */
export function asBusy(error: unknown): unknown {
  return classify(error) === 'busy' ? new StoreBusyError((error as Error).message, { cause: error }) : error;
}
