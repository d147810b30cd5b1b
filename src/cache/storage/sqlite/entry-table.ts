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
import { FreedRowIds } from './freed-row-ids.ts';
import { DamagedDatabaseError } from './open.ts';
import type { EVICTION_ORDER } from './schema.ts';
import type { EntryRow, Guard, PlainSets, Statements } from './statements.ts';
import type { Usage } from './usage.ts';

/** Entries that one transaction evicts at most, besides as many again that have expired. */
export const EVICTIONS_PER_TRANSACTION = 256;
// Entries that are evicted for each one that is written, at least, while the store is over its limit.
const EVICTIONS_PER_OPERATION = 2;
const LEAST_EVICTIONS = 64;
// Entries that one transaction moves into holes.
const MOVES_PER_TRANSACTION = 64;
// `cleanup()` works through everything, but in steps of this many entries.
const CLEANUP_STEP = 1000;

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
  readonly #usage: Usage;
  readonly #maxSize: number;
  readonly #policy: EntryTableOptions['policy'];
  readonly #file: string;
  readonly #takeAccesses: EntryTableOptions['takeAccesses'];
  readonly #onMeasure: EntryTableOptions['onMeasure'];
  readonly #forgetPages: EntryTableOptions['forgetPages'];
  readonly #isShared: EntryTableOptions['isShared'];
  #before = { ...this.counts };
  #fresh: string | undefined;

  constructor(options: EntryTableOptions) {
    const { sql, blobs, space, usage, maxSize, policy, file, takeAccesses } = options;
    this.#sql = sql;
    this.#blobs = blobs;
    this.#references = new BlobReferences(sql, blobs);
    this.#space = space;
    this.#usage = usage;
    this.#maxSize = maxSize;
    this.#policy = policy;
    this.#file = file;
    this.#takeAccesses = takeAccesses;
    this.#onMeasure = options.onMeasure;
    this.#isShared = options.isShared;
    this.#forgetPages = options.forgetPages;
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

  #isFresh(key: string): boolean {
    return key === this.#fresh || this.changed.has(key);
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
        return { value: this.#cleanUp(now) };
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

  /** Whether a set is one statement, unless the entry that it replaces has a blob. */
  isPlain({ key, value, onlyIfAbsent, lease }: WriteOperation & { type: 'set' }): boolean {
    if (onlyIfAbsent || lease !== undefined || value.blob !== null || value.mode !== null) return false;
    return !this.isTooLarge(key, value.size);
  }

  /** Applies such a set. False when it has changed nothing. `guard` is that of a statement which has one. */
  setPlainly<G extends Guard | []>(
    sql: PlainSets<G>,
    key: string,
    found: FoundValue,
    now: number,
    ...guard: G
  ): boolean {
    const { encoding, data, checksum: sum, size, expires } = found;
    const { freed } = this;
    if (freed.isEmpty) {
      const { changes } = sql.set.run(key, encoding, data!, sum, size, expires, now, now, ...guard);
      if (changes === 0) return false;
    } else {
      const id = freed.peek();
      const { changes, lastInsertRowid } = sql.setAt.run(
        id,
        key,
        encoding,
        data!,
        sum,
        size,
        expires,
        now,
        now,
        ...guard,
      );
      if (Number(lastInsertRowid) === id) freed.taken();
      else freed.skip();
      if (changes === 0) return false;
    }
    this.counts.sets++;
    return true;
  }

  #set(operation: WriteOperation & { type: 'set' }, now: number): boolean {
    const { key, value, expires } = operation;
    const found = foundOf(value, expires);
    if (this.isPlain(operation) && this.setPlainly(this.#sql.plain, key, found, now)) {
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

  /** Measures the store if that is due, and makes room if there is too little: expired entries go first. */
  makeRoom(now: number, operations: number): void {
    const space = this.#space;
    if (this.#policy === 'none') return;
    if (space.needsMeasuring) this.#measure();
    if (space.bytesToEvict > 0) {
      this.#access(this.#takeAccesses());
      this.#removeExpired(now, EVICTIONS_PER_TRANSACTION);
    }
    const limit = Math.max(LEAST_EVICTIONS, EVICTIONS_PER_OPERATION * operations);
    this.#keepWithinLimit(Math.min(limit, EVICTIONS_PER_TRANSACTION));
    this.hasPendingCleanup ||= space.bytesToEvict > 0 || space.isFragmented;
  }

  #cleanUp(now: number): number {
    const expired = this.#removeExpired(now, CLEANUP_STEP);
    if (this.#policy === 'none') return expired;
    if (this.#space.bytesToEvict <= 0) this.#measure();
    const before = this.counts.evictions;
    this.#keepWithinLimit(CLEANUP_STEP);
    return expired + this.counts.evictions - before;
  }

  #measure(): void {
    const size = this.#usage.size();
    this.#space.measured(size, this.#maxSize, !this.freed.isEmpty, this.#isShared());
    this.#onMeasure(size);
  }

  // Evicts the bytes owed. If the excess is holes, moves entries into them. Handles at most so many entries.
  #keepWithinLimit(limit: number): void {
    const space = this.#space;
    for (let left = limit; left > 0 && (space.bytesToEvict > 0 || space.isFragmented); ) {
      const done =
        space.bytesToEvict > 0 ? this.#evict(left) : this.#fillHoles(Math.min(left, MOVES_PER_TRANSACTION));
      if (done === 0) return;
      left -= done;
    }
  }

  #removeExpired(now: number, limit: number): number {
    const rows = this.#sql.expired.all(now, limit);
    for (const row of rows) this.#free(row);
    this.counts.expired += rows.length;
    return rows.length;
  }

  #free(row: EntryRow): void {
    const isPaid = this.#space.free(this.#remove(row));
    this.freed.add(row.id);
    if (isPaid) this.#measure();
  }

  // Returns how many entries were examined. Those set since they took their place in the order move back.
  #evict(limit: number): number {
    let checked = 0;
    for (; checked < limit && this.#space.bytesToEvict > 0; checked++) {
      const candidates = this.#sql.nextToEvict!.all();
      // By use, the entry stored just now would be the first to go: it has not been read yet.
      const row = candidates.find(({ key }) => !this.#isFresh(key)) ?? candidates[0];
      // The entry stored just now stays if it fits at all.
      if (!row || (this.#isFresh(row.key) && this.#usage.size() <= this.#maxSize)) {
        this.#space.cancelEviction();
        break;
      }
      if (this.#policy === 'least-recently-used' && row.created > row.accessed) {
        this.#sql.moveBack.run(row.id);
        continue;
      }
      this.#free(row);
      this.counts.evictions++;
    }
    return checked;
  }

  // Moves the table's last entries into holes that evicted ones left, which frees the last pages. Returns how many
  // holes it tried.
  #fillHoles(limit: number): number {
    const { freed } = this;
    let tried = 0;
    for (; tried < limit && !freed.isEmpty; tried++) {
      const id = freed.peek();
      // A place behind the last entry, or one that was taken meanwhile, is not a hole.
      this.#sql.moveLast.run(id, id, id);
      freed.taken();
    }
    this.#measure();
    return tried;
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
