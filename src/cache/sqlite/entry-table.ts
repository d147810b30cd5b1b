// What operations do to the entries of a database, and the sums that go with it. Runs inside the store's transactions.
import type { BlobFiles } from '../blobs.ts';
import { checksum, decode, encode, timed } from '../codec.ts';
import {
  type FoundValue,
  isExpired,
  type LeaseRecord,
  type WriteOperation,
  type WriteResult,
} from '../store.ts';
import { BlobReferences } from './blob-references.ts';
import { DamagedDatabaseError } from './open.ts';
import type { EVICTION_ORDER } from './schema.ts';
import type { EntryRow, Statements } from './statements.ts';

// Bounds on what one transaction does besides its own operations, so that no single `set` walks the whole table.
const EVICTIONS_PER_TRANSACTION = 64;
const EXPIRIES_PER_TRANSACTION = 64;
// `cleanup()` works through everything, but in steps of this many entries.
const CLEANUP_STEP = 1000;

export interface EntryTableOptions {
  sql: Statements;
  blobs: BlobFiles;
  maxSize: number;
  policy: keyof typeof EVICTION_ORDER | 'none';
  /** The database's file, for messages. */
  file: string;
}

export class EntryTable {
  readonly counts = { sets: 0, deletes: 0, evictions: 0, expired: 0 };
  /** Entries and blobs wait to be removed, in a later transaction. */
  hasBacklog = false;
  /** Bytes of all entries; of the running transaction, which writes it down at its end. So is what follows. */
  size = 0;
  count = 0;
  readonly changed = new Set<string>();
  /** Keys that an operation left as they were, since another process had changed them before. */
  readonly found = new Set<string>();
  allChanged = false;
  /** What was stored inline, for the memory that all threads share. */
  readonly stored = new Map<string, FoundValue>();
  readonly #sql: Statements;
  readonly #blobs: BlobFiles;
  readonly #references: BlobReferences;
  readonly #maxSize: number;
  readonly #policy: EntryTableOptions['policy'];
  readonly #file: string;
  #before = { ...this.counts };

  constructor({ sql, blobs, maxSize, policy, file }: EntryTableOptions) {
    this.#sql = sql;
    this.#blobs = blobs;
    this.#references = new BlobReferences(sql, blobs);
    this.#maxSize = maxSize;
    this.#policy = policy;
    this.#file = file;
  }

  /** A transaction begins, of a table with so many bytes in so many entries. */
  begin(size: number, count: number): void {
    this.size = size;
    this.count = count;
    // What other processes leave unused they remove themselves, or whoever opens the store next.
    const hadBacklog = this.hasBacklog;
    this.hasBacklog = false;
    if (hadBacklog) this.hasBacklog = this.#references.removeUnused();
  }

  /** Forgets what the transaction before changed. */
  reset(): void {
    this.#before = { ...this.counts };
    this.changed.clear();
    this.found.clear();
    this.allChanged = false;
    this.stored.clear();
  }

  /** The transaction came to nothing. */
  undo(): void {
    Object.assign(this.counts, this.#before);
    this.hasBacklog = true;
  }

  #row(key: string): EntryRow | undefined {
    const row = this.#sql.row.get(key);
    if (!row) return undefined;
    const [id, stored, blob, checksum, size, expires] = row;
    return { id, key: stored, blob, checksum, size, expires };
  }

  /** Does one operation. */
  apply(operation: WriteOperation, now: number): WriteResult {
    switch (operation.type) {
      case 'set':
        return { value: this.#set(operation, now) };
      case 'set-many':
        // All or none: one that can never be kept keeps the others out.
        if (this.hasTooLarge(operation)) return { value: false };
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
        (row ? this.changed : this.found).add(operation.key);
        this.stored.delete(operation.key);
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

  /** Whether one of the entries can never be kept. */
  hasTooLarge({ entries }: WriteOperation & { type: 'set-many' }): boolean {
    return this.#policy !== 'none' && entries.some(({ value }) => value.size > this.#maxSize);
  }

  /** All entries, so many, were removed by others than {@link apply}. */
  cleared(count: number): void {
    this.counts.deletes += count;
    this.size = 0;
    this.count = 0;
    this.allChanged = true;
    this.stored.clear();
    this.hasBacklog = true;
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
      this.found.add(key);
      return false;
    }
    // More than the whole limit can never be kept: evicting everything else for it would be worse than a miss.
    if (this.#policy !== 'none' && value.size > this.#maxSize) {
      if (old) this.#remove(old);
      return false;
    }
    // The new blob is counted before the old one is dropped, so that the same bytes stored again stay where they are.
    if (value.blob !== null) this.size += this.#references.add(value.blob, value);
    if (old?.blob != null) this.#dropBlob(old.blob);
    const { encoding, data, blob, size, mode } = value;
    const sum = timed(value.checksum, expires);
    if (old) {
      this.#sql.replace.run(encoding, data, blob, sum, size, mode, expires, now, now, old.id);
      if (old.blob === null) this.size -= old.size;
    } else {
      this.#sql.insert.run(encoding, data, blob, sum, size, mode, expires, now, now, key);
      this.count++;
    }
    if (value.blob === null) this.size += value.size;
    this.counts.sets++;
    this.changed.add(key);
    if (blob === null) this.stored.set(key, { encoding, data, blob, checksum: sum, size, mode, expires });
    else this.stored.delete(key);
    return true;
  }

  #delete(keys: readonly string[], now: number): number {
    let deleted = 0;
    for (const key of keys) {
      const row = this.#row(key);
      if (!row) {
        this.found.add(key);
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
    if (blob !== null && this.#blobs.isSound(blob, row.size)) return false;
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
    const count = this.count;
    this.#sql.clear.run();
    this.#sql.unuseAllBlobs.run();
    this.cleared(count);
    return count;
  }

  #dropBlob(hash: string): void {
    const freed = this.#references.drop(hash);
    if (freed === undefined) return;
    this.size -= freed;
    this.hasBacklog = true;
  }

  #remove(row: EntryRow): void {
    if (typeof row.key !== 'string') throw new DamagedDatabaseError(`${this.#file} has a key that is none.`);
    this.#sql.remove.run(row.id);
    if (row.blob === null) this.size -= row.size;
    else this.#dropBlob(row.blob);
    this.count--;
    this.changed.add(row.key);
    this.stored.delete(row.key);
  }

  /** Makes room after so many operations, if there is too little: what has expired goes first. */
  evict(now: number, operations: number): void {
    if (this.#policy === 'none' || this.size <= this.#maxSize) return;
    this.#removeExpired(now, EXPIRIES_PER_TRANSACTION);
    const limit = Math.max(EVICTIONS_PER_TRANSACTION, 2 * operations);
    this.#removeOverLimit(limit, 4 * limit);
    if (this.size > this.#maxSize) this.hasBacklog = true;
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
    while (evicted < limit && moved < most && this.size > this.#maxSize && this.#sql.nextToEvict) {
      const candidates = this.#sql.nextToEvict.all();
      // By use, what was stored just now would be the first to go: it has not been read yet.
      const row = candidates.find(({ key }) => !this.changed.has(key)) ?? candidates[0];
      if (!row) {
        // Without entries there is nothing that could count: whatever was counted was wrong.
        this.size = 0;
        this.count = 0;
        break;
      }
      if (this.#policy === 'least-recently-used' && row.created > row.accessed) {
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

  /** Who produces the key's value, as far as the database knows. */
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
}
