// Entry table: applies operations to the entries of a database. Runs inside the store's transactions.
import {
  type Accesses,
  type FoundValue,
  isExpired,
  type LeaseRecord,
  type WriteOperation,
  type WriteResult,
} from '../../operations.ts';
import type { SpaceAccount } from '../../shared/space-account.ts';
import { checksum, decode, encode, foundOf, withExpiry } from '../../values/codec.ts';
import type { BlobFiles } from '../blobs.ts';
import { footprintOf } from '../store.ts';
import { BlobReferences } from './blob-references.ts';
import { Eviction } from './eviction.ts';
import { FreedRowIds } from './freed-row-ids.ts';
import { DamagedDatabaseError } from './open.ts';
import { isPlainSet, runPlainSet } from './plain-writes.ts';
import type { EVICTION_ORDER } from './schema.ts';
import type { EntryRow, Statements } from './statements.ts';
import type { Usage } from './usage.ts';

export interface EntryTableOptions {
  sql: Statements;
  blobs: BlobFiles;
  space: SpaceAccount;
  usage: Usage;
  maxSize: number;
  policy: keyof typeof EVICTION_ORDER | 'none';
  /** The database's file, for messages. */
  file: string;
  /** Returns this thread's unreported reads, for eviction to know of. */
  takeAccesses: () => Accesses;
  /** Whether other processes have the store open. */
  isShared: () => boolean;
  /** Makes the connection read its pages anew. */
  forgetPages: () => void;
  /** Called with the store's size whenever it is measured. */
  onMeasure: (size: number) => void;
}

export class EntryTable {
  readonly counts = { sets: 0, deletes: 0, evictions: 0, expired: 0 };
  /** Entries and blobs wait to be removed, in a later transaction. */
  hasPendingCleanup = false;
  /**
   * Keys that the running transaction changed, with the values stored inline. The fields below are the transaction's,
   * too.
   */
  readonly changed = new Map<string, FoundValue | undefined>();
  /** Keys that an operation left unchanged, because another process had changed them before. */
  readonly found = new Set<string>();
  allChanged = false;
  /** Row ids of entries that were evicted. */
  readonly freed = new FreedRowIds();
  readonly #sql: Statements;
  readonly #blobs: BlobFiles;
  readonly #references: BlobReferences;
  readonly #space: SpaceAccount;
  readonly #eviction: Eviction;
  readonly #maxSize: number;
  readonly #policy: EntryTableOptions['policy'];
  readonly #file: string;
  readonly #forgetPages: EntryTableOptions['forgetPages'];
  #before = { ...this.counts };
  #fresh: string | undefined;

  constructor(options: EntryTableOptions) {
    const { sql, blobs, space, usage, maxSize, policy } = options;
    const { takeAccesses, isShared, onMeasure } = options;
    this.#sql = sql;
    this.#blobs = blobs;
    this.#references = new BlobReferences(sql, blobs);
    this.#space = space;
    this.#maxSize = maxSize;
    this.#policy = policy;
    this.#file = options.file;
    this.#forgetPages = options.forgetPages;
    this.#eviction = new Eviction({
      ...{ sql, space, usage, maxSize, policy, takeAccesses, isShared, onMeasure },
      counts: this.counts,
      freed: this.freed,
      remove: row => this.#remove(row),
      isFresh: key => key === this.#fresh || this.changed.has(key),
      recordAccesses: accesses => this.#access(accesses),
    });
  }

  /**
   * Begins a transaction. `stored`: the key stored just before it, which is not evicted at once, like those that the
   * transaction stores.
   */
  begin(stored?: string): void {
    this.#before = { ...this.counts };
    this.#forget();
    this.#fresh = stored;
    // Other processes clean up after themselves, or the next process to open the store does.
    const hadPendingCleanup = this.hasPendingCleanup;
    this.hasPendingCleanup = false;
    if (hadPendingCleanup) this.hasPendingCleanup = this.#references.removeUnused();
  }

  /** The transaction was rolled back. */
  undo(): void {
    Object.assign(this.counts, this.#before);
    this.#forget();
    this.hasPendingCleanup = true;
  }

  #forget(): void {
    this.changed.clear();
    this.found.clear();
    this.allChanged = false;
  }

  /** Excludes the stored values from sharing. */
  forgetStored(): void {
    for (const key of this.changed.keys()) this.changed.set(key, undefined);
  }

  #row(key: string): EntryRow | undefined {
    const row = this.#sql.row.get(key);
    if (!row) return undefined;
    const [id, stored, blob, checksum, size, expires] = row;
    return { id, key: stored, blob, checksum, size, expires };
  }

  /** Applies one operation. */
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
          this.#sql.touch.run(expires, withExpiry(withExpiry(row.checksum, row.expires), expires), row.id);
        }
        if (row) this.changed.set(operation.key, undefined);
        else this.found.add(operation.key);
        return { value: row !== undefined };
      }
      case 'increment':
        return this.#increment(operation, now);
      case 'access':
        this.#access(operation.entries);
        return { value: true };
      case 'clear':
        return { value: this.#clear() };
      case 'cleanup':
        return { value: this.#eviction.cleanUp(now) };
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
    return entries.some(({ key, value }) => this.isTooLarge(key, value.size));
  }

  /** All entries, so many, were removed by other means than {@link apply}. */
  cleared(count: number): void {
    this.counts.deletes += count;
    this.#space.clear();
    this.freed.clear();
    this.allChanged = true;
    this.changed.clear();
    this.hasPendingCleanup = true;
  }

  /**
   * A value that exceeds the whole limit can never be kept: evicting everything else for it would be worse than a miss.
   */
  isTooLarge(key: string, size: number): boolean {
    return this.#policy !== 'none' && footprintOf(key, size) > this.#maxSize;
  }

  #live(key: string, now: number): EntryRow | undefined {
    const row = this.#row(key);
    return row && !isExpired(row.expires, now) ? row : undefined;
  }

  #set(operation: WriteOperation & { type: 'set' }, now: number): boolean {
    const { key, value, expires } = operation;
    const found = foundOf(value, expires);
    const mayBePlain = isPlainSet(operation) && !this.isTooLarge(key, value.size);
    if (mayBePlain && runPlainSet(this.#sql.plain, this.freed, key, found, now)) {
      this.counts.sets++;
      this.#space.write(footprintOf(key, value.size));
      this.changed.set(key, found);
      return true;
    }
    // A producer that lost its lease must not overwrite the value of its successor.
    if (operation.lease !== undefined && this.#sql.release.run(key, operation.lease).changes === 0)
      return false;
    const old = this.#row(key);
    if (operation.onlyIfAbsent && old && !isExpired(old.expires, now)) {
      this.found.add(key);
      return false;
    }
    if (this.isTooLarge(key, value.size)) {
      if (old) this.#remove(old);
      return false;
    }
    // The new blob is counted before the old one is dropped, so that the same bytes stored again keep their file.
    if (value.blob !== null) this.#space.write(this.#references.add(value.blob, value));
    if (old?.blob != null) this.#dropBlob(old.blob);
    const { encoding, data, blob, checksum: sum, size, mode } = found;
    if (old) this.#sql.replace.run(encoding, data, blob, sum, size, mode, expires, now, now, old.id);
    else this.#sql.insert.run(encoding, data, blob, sum, size, mode, expires, now, now, key);
    this.#space.write(footprintOf(key, blob === null ? size : 0));
    this.counts.sets++;
    this.changed.set(key, blob === null ? found : undefined);
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
    // The page may be damaged only in this connection's memory.
    this.#forgetPages();
    const row = this.#row(key);
    if (row?.blob !== blob || this.#sql.value.get(row.id)?.checksum !== sum) return false;
    // The same value may have been stored again since it was found damaged.
    if (blob === null ? this.#isIntact(row) : this.#blobs.isIntact(blob, row.size)) return false;
    this.#remove(row);
    return true;
  }

  // For a value that is not a blob.
  #isIntact({ id, key, expires }: EntryRow): boolean {
    const stored = this.#sql.value.get(id);
    return stored?.data != null && withExpiry(checksum(key, stored), expires) === stored.checksum;
  }

  #increment(operation: WriteOperation & { type: 'increment' }, now: number): WriteResult {
    const { key, by } = operation;
    const row = this.#live(key, now);
    let current: unknown = 0;
    if (row) {
      current = this.#valueOf(row);
      if (typeof current !== 'number') {
        return { mistake: `The entry '${key}' is not a number: increment() adds to numbers only.` };
      }
    }
    const sum = (current as number) + by;
    const encoded = { ...encode(sum), blob: null, mode: null };
    const value = { ...encoded, checksum: checksum(key, encoded), size: encoded.data.length };
    this.#set({ type: 'set', key, value, expires: row ? row.expires : operation.expires }, now);
    return { value: sum };
  }

  // As a read returns it: a damaged entry counts as missing.
  #valueOf(row: EntryRow): unknown {
    const { id, blob } = row;
    if (blob !== null) return undefined;
    try {
      const stored = this.#sql.value.get(id)!;
      return this.#isIntact(row) ? decode(stored.encoding, stored.data!) : 0;
    } catch {
      return 0;
    }
  }

  #access(accesses: Accesses): void {
    for (const [key, count, last] of accesses) this.#sql.access.run(count, last, key);
  }

  #clear(): number {
    const count = this.#sql.clear.run().changes;
    this.#references.clear();
    this.cleared(count);
    return count;
  }

  // Returns the bytes of disk that are freed.
  #dropBlob(hash: string): number {
    const freed = this.#references.drop(hash);
    if (freed === undefined) return 0;
    this.hasPendingCleanup = true;
    return freed;
  }

  // Returns the bytes that are freed.
  #remove(row: EntryRow): number {
    if (typeof row.key !== 'string')
      throw new DamagedDatabaseError(`${this.#file} has an entry whose key is not text.`);
    this.#sql.remove.run(row.id);
    this.changed.set(row.key, undefined);
    return row.blob === null
      ? footprintOf(row.key, row.size)
      : footprintOf(row.key, 0) + this.#dropBlob(row.blob);
  }

  /** Makes room, if there is too little. The more operations were applied, the more entries it may evict at once. */
  makeRoom(now: number, operations: number): void {
    if (this.#eviction.makeRoom(now, operations)) this.hasPendingCleanup = true;
  }

  /** The lease of the key's producer, as recorded in the database. */
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
