// Eviction: keeps a store within its size limit. Removes expired entries first, then those that come next by the policy,
// until the bytes owed are free (see space-account.ts). Runs inside the store's transactions.
import type { Accesses } from '../../operations.ts';
import type { SpaceAccount } from '../../shared/space-account.ts';
import type { FreedRowIds } from './freed-row-ids.ts';
import type { EVICTION_ORDER } from './schema.ts';
import type { EntryRow, Statements } from './statements.ts';
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

export interface EvictionOptions {
  sql: Statements;
  space: SpaceAccount;
  usage: Usage;
  maxSize: number;
  policy: keyof typeof EVICTION_ORDER | 'none';
  counts: { evictions: number; expired: number };
  /** Row ids of entries that were evicted. */
  freed: FreedRowIds;
  /** Removes an entry. Returns the bytes that are freed. */
  remove: (row: EntryRow) => number;
  /** Whether the entry was stored just now: it is not evicted at once. */
  isFresh: (key: string) => boolean;
  /** Records this thread's unreported reads, on which the order depends. */
  recordAccesses: (accesses: Accesses) => void;
  takeAccesses: () => Accesses;
  /** Whether other processes have the store open. */
  isShared: () => boolean;
  /** Called with the store's size whenever it is measured. */
  onMeasure: (size: number) => void;
}

export class Eviction {
  readonly #options: EvictionOptions;

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  /** Measures the store if that is due, and makes room if there is too little. Returns whether there is more to do. */
  makeRoom(now: number, operations: number): boolean {
    const { space, policy, recordAccesses, takeAccesses } = this.#options;
    if (policy === 'none') return false;
    if (space.needsMeasuring) this.#measure();
    if (space.bytesToEvict > 0) {
      recordAccesses(takeAccesses());
      this.#removeExpired(now, EVICTIONS_PER_TRANSACTION);
    }
    const limit = Math.max(LEAST_EVICTIONS, EVICTIONS_PER_OPERATION * operations);
    this.#keepWithinLimit(Math.min(limit, EVICTIONS_PER_TRANSACTION));
    return space.bytesToEvict > 0 || space.isFragmented;
  }

  /** Takes one step of a cleanup. Returns the number of entries that were removed. */
  cleanUp(now: number): number {
    const { space, policy, counts } = this.#options;
    const expired = this.#removeExpired(now, CLEANUP_STEP);
    if (policy === 'none') return expired;
    if (space.bytesToEvict <= 0) this.#measure();
    const before = counts.evictions;
    this.#keepWithinLimit(CLEANUP_STEP);
    return expired + counts.evictions - before;
  }

  #measure(): void {
    const { space, usage, maxSize, freed, isShared, onMeasure } = this.#options;
    const size = usage.size();
    space.measured(size, maxSize, !freed.isEmpty, isShared());
    onMeasure(size);
  }

  // Evicts the bytes owed. If the excess is holes, moves entries into them. Handles at most so many entries.
  #keepWithinLimit(limit: number): void {
    const { space } = this.#options;
    for (let left = limit; left > 0 && (space.bytesToEvict > 0 || space.isFragmented); ) {
      const done =
        space.bytesToEvict > 0 ? this.#evict(left) : this.#fillHoles(Math.min(left, MOVES_PER_TRANSACTION));
      if (done === 0) return;
      left -= done;
    }
  }

  #removeExpired(now: number, limit: number): number {
    const { sql, counts } = this.#options;
    const rows = sql.expired.all(now, limit);
    for (const row of rows) this.#free(row);
    counts.expired += rows.length;
    return rows.length;
  }

  #free(row: EntryRow): void {
    const { space, freed, remove } = this.#options;
    const isPaid = space.free(remove(row));
    freed.add(row.id);
    if (isPaid) this.#measure();
  }

  // Returns how many entries were examined. Those set since they took their place in the order move back.
  #evict(limit: number): number {
    const { sql, space, usage, maxSize, policy, counts, isFresh } = this.#options;
    let checked = 0;
    for (; checked < limit && space.bytesToEvict > 0; checked++) {
      const candidates = sql.nextToEvict!.all();
      // By use, the entry stored just now would be the first to go: it has not been read yet.
      const row = candidates.find(({ key }) => !isFresh(key)) ?? candidates[0];
      // The entry stored just now stays if it fits at all.
      if (!row || (isFresh(row.key) && usage.size() <= maxSize)) {
        space.cancelEviction();
        break;
      }
      if (policy === 'least-recently-used' && row.created > row.accessed) {
        sql.moveBack.run(row.id);
        continue;
      }
      this.#free(row);
      counts.evictions++;
    }
    return checked;
  }

  // Moves the table's last entries into holes that evicted ones left, which frees the last pages. Returns how many
  // holes it tried.
  #fillHoles(limit: number): number {
    const { sql, freed } = this.#options;
    let tried = 0;
    for (; tried < limit && !freed.isEmpty; tried++) {
      const id = freed.peek();
      // A place behind the last entry, or one that was taken meanwhile, is not a hole.
      sql.moveLast.run(id, id, id);
      freed.taken();
    }
    this.#measure();
    return tried;
  }
}
