// Plain writes: operations on one entry without a blob. Each is one statement, and so a transaction of its own.
//
// The statement carries the condition that the run of the store (see ownership.ts) is that of this process's latest
// transaction. Where it changes nothing, because that does not hold or because there is more to do than one statement
// does, the operation has to be applied in a transaction.
import { type FoundValue, isExpired, type WriteOperation, type WriteResult } from '../../operations.ts';
import type { SharedMemory } from '../../shared/shared-memory.ts';
import { hashOf } from '../../shared/versions.ts';
import { foundOf, withExpiry } from '../../values/codec.ts';
import { footprintOf } from '../store.ts';
import { classify, PAGE_SIZE } from './connection.ts';
import type { FreedRowIds } from './freed-row-ids.ts';
import type { HeldSnapshot } from './held-snapshot.ts';
import type { Ownership } from './ownership.ts';
import type { Guard, GuardedWrites, PlainSets, Statements } from './statements.ts';
import type { WalFile } from './wal-file.ts';

type SetOperation = WriteOperation & { type: 'set' };

/** The part of the entry table that plain writes need. */
interface PlainEntries {
  readonly counts: { sets: number; deletes: number };
  readonly freed: FreedRowIds;
  isTooLarge(key: string, size: number): boolean;
}

export interface PlainWritesOptions {
  sql: Statements;
  ownership: Ownership;
  entries: PlainEntries;
  held: HeldSnapshot;
  log: WalFile;
  shared: SharedMemory;
}

/** For the thread that holds the write lock, outside of transactions. */
export class PlainWrites {
  readonly #sql: Statements;
  readonly #ownership: Ownership;
  readonly #entries: PlainEntries;
  readonly #held: HeldSnapshot;
  readonly #log: WalFile;
  readonly #shared: SharedMemory;

  constructor({ sql, ownership, entries, held, log, shared }: PlainWritesOptions) {
    this.#sql = sql;
    this.#ownership = ownership;
    this.#entries = entries;
    this.#held = held;
    this.#log = log;
    this.#shared = shared;
  }

  /**
   * Applies the operation, invalidates the copies of its entry, and shares the new value. Undefined when it takes a
   * transaction: nothing has changed then.
   */
  apply(operation: WriteOperation, now: number): WriteResult | undefined {
    const sql = this.#ownership.plainWrites;
    if (!sql) return undefined;
    try {
      switch (operation.type) {
        case 'set':
          return isPlainSet(operation) ? this.#set(sql, operation, now) : undefined;
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
      return this.#held.release() ? this.apply(operation, now) : undefined;
    }
  }

  #set(sql: GuardedWrites, { key, value, expires }: SetOperation, now: number): WriteResult | undefined {
    const { counts, freed } = this.#entries;
    if (this.#entries.isTooLarge(key, value.size)) return undefined;
    const { versions, tier, space } = this.#shared;
    const hash = hashOf(key);
    const slot = versions.slotOf(hash);
    const version = versions.at(slot);
    const found = foundOf(value, expires);
    if (!runPlainSet(sql, freed, key, found, now, this.#ownership.run, hash)) return undefined;
    counts.sets++;
    const after = versions.advance(slot, version);
    if (after !== undefined) tier.put(key, hash, after, found);
    this.#held.written();
    this.#log.wrote(pagesOf(value.size));
    space.write(footprintOf(key, value.size));
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
}

/** Whether a set is one statement, unless the entry that it replaces has a blob. */
export function isPlainSet({ value, onlyIfAbsent, lease }: SetOperation): boolean {
  return !onlyIfAbsent && lease === undefined && value.blob === null && value.mode === null;
}

/** Runs the statement of such a set. False when it has changed nothing. `guard` is that of a statement which has one. */
export function runPlainSet<G extends Guard | []>(
  sql: PlainSets<G>,
  freed: FreedRowIds,
  key: string,
  found: FoundValue,
  now: number,
  ...guard: G
): boolean {
  const { encoding, data, checksum: sum, size, expires } = found;
  if (freed.isEmpty) {
    return sql.set.run(key, encoding, data!, sum, size, expires, now, now, ...guard).changes > 0;
  }
  const id = freed.peek();
  const set = sql.setAt.run(id, key, encoding, data!, sum, size, expires, now, now, ...guard);
  if (Number(set.lastInsertRowid) === id) freed.taken();
  else freed.skip();
  return set.changes > 0;
}

// Pages of the log that a plain set writes.
function pagesOf(size: number): number {
  return 1 + Math.trunc(size / PAGE_SIZE);
}
