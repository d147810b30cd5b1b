// Memory backend: keeps entries in the coordinator's thread, and loses them with the process.
import { chunksOf } from '../../system/time-slice.ts';
import type { CacheStats, CheckReport, EntryMetadata, EvictionPolicy } from '../cache.ts';
import {
  type Accesses,
  type FoundValue,
  isExpired,
  type LeaseRecord,
  LONG_SET,
  PAGE_SIZE,
  type PageEntry,
  type StoredValue,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../operations.ts';
import type { StoreLimits } from '../shared/limits.ts';
import { hashOf, Versions } from '../shared/versions.ts';
import { checksum, decode, encode, withExpiry } from '../values/codec.ts';
import { type LongWrite, SteppedWrite } from './long-write.ts';
import { compareKeys, indexFrom, sortKeys } from './sorted-keys.ts';
import { footprintOf, isNearLimit, type Store, type StoreReader, type StoreTotals } from './store.ts';

// Entries that one step of an eviction examines or removes: few enough not to hold up the event loop.
const WINDOW = 20_000;

interface Entry {
  key: string;
  value: StoredValue;
  expires: number | null;
  created: number;
  accessed: number;
  hits: number;
}

export interface MemoryStoreOptions {
  maxSize: number;
  policy: EvictionPolicy;
  /** Versions of the threads that read. Default: its own. */
  versions?: Versions;
  /** Returns the unreported reads, before anything is evicted. Default: nothing. */
  takeAccesses?: () => Accesses;
}

export class MemoryStore implements Store {
  readonly backend: CacheStats['backend'] & 'memory' = 'memory';
  readonly directory = undefined;
  maxSize: number;
  policy: EvictionPolicy;
  readonly counts = { sets: 0, deletes: 0, evictions: 0, expired: 0 };
  hasPendingCleanup = false;
  readonly fileState = 'ok';
  readonly isShrinkable = false;
  readonly reader: StoreReader;
  readonly #entries = new Map<string, Entry>();
  readonly #leases = new Map<string, LeaseRecord>();
  // Number of times that a key was added or removed.
  readonly #changes = { count: 0 };
  readonly #versions: Versions;
  readonly #takeAccesses: () => Accesses;
  #now = 0;
  #size = 0;
  #changed = new Set<string>();
  #hasAllChanged = false;

  constructor({ maxSize, policy, versions = new Versions(), takeAccesses = () => [] }: MemoryStoreOptions) {
    this.#takeAccesses = takeAccesses;
    this.#versions = versions;
    this.maxSize = maxSize;
    this.policy = policy;
    this.reader = new MemoryReader(this.#entries, this.#changes);
  }

  get isNearLimit(): boolean {
    return isNearLimit(this.policy, this.#size, this.maxSize);
  }

  /** Sets new limits. The next operation evicts the excess. */
  setLimits({ maxSize, policy }: StoreLimits): void {
    this.maxSize = maxSize;
    this.policy = policy;
    this.#versions.setNearLimit(this.isNearLimit);
  }

  apply(batch: readonly TimedOperation[]): WriteResult[] {
    this.#changed = new Set();
    this.#hasAllChanged = false;
    const results = batch.map(({ operation, now }) => this.#applyOne(operation, now));
    // The next call continues an unfinished eviction.
    if (batch.length > 0) this.#now = batch.reduce((least, { now }) => Math.min(least, now), batch[0]!.now);
    this.#evict(this.#now);
    this.#versions.bump(this.#hasAllChanged ? 'all' : Array.from(this.#changed, hashOf));
    this.#versions.setNearLimit(this.isNearLimit);
    return results;
  }

  isLong(operation: WriteOperation): boolean {
    return operation.type === 'set-many' && operation.entries.length > LONG_SET;
  }

  beginLong({ operation, now }: TimedOperation): LongWrite {
    return new SteppedWrite(this.#setInSteps(operation as WriteOperation & { type: 'set-many' }, now));
  }

  // Readers see the entries appear one by one: only the final state is all or none.
  *#setInSteps(operation: WriteOperation & { type: 'set-many' }, now: number): Generator<void, WriteResult> {
    if (this.#hasTooLarge(operation)) return { value: false };
    for (const entries of chunksOf(operation.entries)) {
      this.apply([{ operation: { ...operation, entries }, now }]);
      yield;
    }
    return { value: true };
  }

  #hasTooLarge({ entries }: WriteOperation & { type: 'set-many' }): boolean {
    return entries.some(({ key, value }) => this.#isTooLarge(key, value.size));
  }

  #applyOne(operation: WriteOperation, now: number): WriteResult {
    switch (operation.type) {
      case 'set':
        return { value: this.#set(operation, now) };
      case 'set-many':
        // All or none: one entry that can never be kept keeps the others out.
        if (this.#hasTooLarge(operation)) return { value: false };
        for (const { key, value } of operation.entries) {
          this.#set({ type: 'set', key, value, expires: operation.expires }, now);
        }
        return { value: true };
      case 'delete':
        return { value: operation.keys.filter(key => this.#delete(key, now)).length };
      case 'touch': {
        const entry = this.#live(operation.key, now);
        if (!entry) return { value: false };
        entry.value.checksum = withExpiry(withExpiry(entry.value.checksum, entry.expires), operation.expires);
        entry.expires = operation.expires;
        this.#changed.add(entry.key);
        return { value: true };
      }
      case 'increment':
        return this.#increment(operation, now);
      case 'access':
        this.#access(operation.entries);
        return { value: true };
      case 'discard':
        // A value in memory cannot be damaged.
        return { value: false };
      case 'clear': {
        const { size: count } = this.#entries;
        this.#entries.clear();
        this.#size = 0;
        this.#changes.count++;
        this.#hasAllChanged = true;
        this.counts.deletes += count;
        return { value: count };
      }
      case 'cleanup':
        return { value: this.#removeExpired(now) + this.#evict(now) };
      case 'lease':
        this.#leases.set(operation.key, operation.lease);
        return { value: true };
      case 'release':
        return { value: this.#release(operation.key, operation.token) };
    }
  }

  #access(accesses: Accesses): void {
    for (const [key, count, last] of accesses) {
      const entry = this.#entries.get(key);
      if (!entry) continue;
      entry.hits += count;
      entry.accessed = Math.max(entry.accessed, last);
      this.#moveBack(entry);
    }
  }

  #live(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry && !isExpired(entry.expires, now) ? entry : undefined;
  }

  #set(operation: WriteOperation & { type: 'set' }, now: number): boolean {
    const { key, expires } = operation;
    if (operation.lease !== undefined && !this.#release(key, operation.lease)) return false;
    if (operation.onlyIfAbsent && this.#live(key, now)) return false;
    const old = this.#entries.get(key);
    if (old) this.#remove(old);
    if (this.#isTooLarge(key, operation.value.size)) return false;
    const { encoding, data, blob, checksum: sum, size, mode } = operation.value;
    const value: StoredValue = { encoding, data, blob, checksum: withExpiry(sum, expires), size, mode };
    this.#entries.set(key, { key, value, expires, created: now, accessed: now, hits: 0 });
    this.#changes.count++;
    this.#size += footprintOf(key, size);
    this.counts.sets++;
    this.#changed.add(key);
    return true;
  }

  #isTooLarge(key: string, size: number): boolean {
    return this.policy !== 'none' && footprintOf(key, size) > this.maxSize;
  }

  #delete(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    if (!entry) return false;
    this.#remove(entry);
    const wasLive = !isExpired(entry.expires, now);
    if (wasLive) this.counts.deletes++;
    else this.counts.expired++;
    return wasLive;
  }

  #increment(operation: WriteOperation & { type: 'increment' }, now: number): WriteResult {
    const { key, by } = operation;
    const entry = this.#live(key, now);
    const current = entry ? decode(entry.value.encoding, entry.value.data ?? '') : 0;
    if (typeof current !== 'number') {
      return { mistake: `The entry '${key}' is not a number: increment() adds to numbers only.` };
    }
    const encoded = { ...encode(current + by), blob: null, mode: null };
    const value = { ...encoded, checksum: checksum(key, encoded), size: encoded.data.length };
    const expires = entry ? entry.expires : operation.expires;
    this.#set({ type: 'set', key, value, expires }, now);
    return { value: current + by };
  }

  #release(key: string, token: string): boolean {
    return this.#leases.get(key)?.token === token && this.#leases.delete(key);
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#changes.count++;
    this.#size -= footprintOf(entry.key, entry.value.size);
    this.#changed.add(entry.key);
  }

  // The map is in eviction order, as far as that is the order of uses and sets.
  #moveBack(entry: Entry): void {
    if (this.policy !== 'least-recently-used') return;
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
  }

  #removeExpired(now: number): number {
    let removed = 0;
    for (const entry of this.#entries.values()) {
      if (!isExpired(entry.expires, now)) continue;
      this.#remove(entry);
      if (++removed === WINDOW) break;
    }
    this.counts.expired += removed;
    return removed;
  }

  // Evicts in one go down to a tenth below the limit: many sets share the cost of one walk and one sort. Of very many
  // entries it examines the first in the map, and the rest in further steps.
  #evict(now: number): number {
    this.hasPendingCleanup = false;
    if (this.policy === 'none' || this.#size <= this.maxSize) return 0;
    this.#removeExpired(now);
    this.#access(this.#takeAccesses());
    let evicted = 0;
    if (this.#size <= this.maxSize) return evicted;
    const order: Record<Exclude<EvictionPolicy, 'none'>, (a: Entry, b: Entry) => number> = {
      'least-recently-used': (a, b) => a.accessed - b.accessed,
      'least-recently-stored': (a, b) => a.created - b.created,
      'least-frequently-used': (a, b) => a.hits - b.hits || a.accessed - b.accessed,
    };
    const window = this.#firstEntries();
    const isAll = window.length === this.#entries.size;
    const goal = this.maxSize - Math.min(this.maxSize / 10, this.#size / 10);
    // Half of a window at most: the other half is used more, and competes with other entries next time.
    const most = isAll ? window.length : window.length / 2;
    window.sort(order[this.policy]);
    for (const entry of window) {
      // An entry that was stored just now goes only when there is no room without it.
      if (this.#size <= goal || (this.#size <= this.maxSize && this.#changed.has(entry.key))) break;
      if (evicted >= most) break;
      this.#remove(entry);
      evicted++;
    }
    if (!isAll) for (const entry of window.slice(evicted)) this.#moveBehind(entry);
    this.counts.evictions += evicted;
    this.hasPendingCleanup = this.#size > this.maxSize;
    return evicted;
  }

  #firstEntries(): Entry[] {
    const first: Entry[] = [];
    for (const entry of this.#entries.values()) if (first.push(entry) === WINDOW) break;
    return first;
  }

  // Only where the map's order is not the policy's: the next window then holds other entries.
  #moveBehind(entry: Entry): void {
    if (this.policy !== 'least-frequently-used') return;
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
  }

  async totals(): Promise<StoreTotals> {
    return { size: this.#size, count: this.#entries.size, blobs: 0 };
  }

  lease(key: string): LeaseRecord | undefined {
    return this.#leases.get(key);
  }

  async check(): Promise<CheckReport & { changed: boolean }> {
    return { entries: this.#entries.size, blobs: 0, problems: [], changed: false };
  }

  async shrink(): Promise<void> {}

  quarantine(): undefined {}

  async collectGarbage(): Promise<number> {
    return 0;
  }

  close(): void {
    this.#entries.clear();
  }

  // There are no descriptors to give up.
  park(): void {}
}

class MemoryReader implements StoreReader {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #changes: { readonly count: number };
  // All keys in order, as they were after so many changes: consecutive pages share them.
  #sorted: { keys: readonly string[]; changes: number } | undefined;

  constructor(entries: ReadonlyMap<string, Entry>, changes: { readonly count: number }) {
    this.#entries = entries;
    this.#changes = changes;
  }

  read(key: string): FoundValue | undefined {
    const entry = this.#entries.get(key);
    return entry && { ...entry.value, data: copyOf(entry.value.data), expires: entry.expires };
  }

  page(prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] | Promise<PageEntry[]> {
    // An iteration in progress may miss entries that were added since it began.
    const sorted = this.#sorted;
    if (sorted && (after !== '' || sorted.changes === this.#changes.count)) {
      return this.#page(sorted.keys, prefix, after, now, keysOnly);
    }
    return this.#sort().then(keys => this.#page(keys, prefix, after, now, keysOnly));
  }

  async #sort(): Promise<readonly string[]> {
    const changes = this.#changes.count;
    const keys = await sortKeys(this.#entries.keys());
    this.#sorted = { keys, changes };
    return keys;
  }

  #page(keys: readonly string[], prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] {
    const page: PageEntry[] = [];
    let index = indexFrom(keys, compareKeys(after, prefix) < 0 ? prefix : after);
    if (keys[index] === after) index++;
    for (; index < keys.length && page.length < PAGE_SIZE; index++) {
      const key = keys[index]!;
      if (!key.startsWith(prefix)) break;
      const entry = this.#entries.get(key);
      if (!entry || isExpired(entry.expires, now)) continue;
      const data = keysOnly ? null : copyOf(entry.value.data);
      page.push({ key, ...entry.value, data, expires: entry.expires });
    }
    // After the last page an outdated order has no further use.
    if (page.length < PAGE_SIZE && this.#sorted?.changes !== this.#changes.count) this.#sorted = undefined;
    return page;
  }

  metadata(key: string): EntryMetadata | undefined {
    const entry = this.#entries.get(key);
    return (
      entry && {
        key,
        size: entry.value.size,
        kind: entry.value.mode === null ? 'value' : 'file',
        created: entry.created,
        lastAccessed: entry.accessed,
        accessCount: entry.hits,
        expires: entry.expires ?? undefined,
      }
    );
  }

  readMany(keys: readonly string[]): Map<string, FoundValue> {
    const found = keys.map((key): [string, FoundValue | undefined] => [key, this.read(key)]);
    return new Map(found.filter((pair): pair is [string, FoundValue] => pair[1] !== undefined));
  }

  follow(): number {
    return 0;
  }
}

// The caller may change the bytes that it gets.
function copyOf(data: StoredValue['data']): StoredValue['data'] {
  return data instanceof Uint8Array ? Buffer.from(data) : data;
}
