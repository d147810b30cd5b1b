// The backend that keeps entries in the coordinator's thread and forgets them with the process.
import type { CacheStats, CheckReport, EntryMetadata, EvictionPolicy } from './cache.ts';
import { checksum, decode, encode, timed } from './codec.ts';
import type { StoreLimits } from './limits.ts';
import {
  type FoundValue,
  isExpired,
  isPressed,
  type LeaseRecord,
  PAGE_SIZE,
  type PageEntry,
  type Store,
  type StoredValue,
  type StoreReader,
  type StoreTotals,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from './store.ts';
import { Versions } from './versions.ts';

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
  /** Those of the threads that read. Default: its own. */
  versions?: Versions;
}

export class MemoryStore implements Store {
  readonly backend: CacheStats['backend'] & 'memory' = 'memory';
  readonly directory = undefined;
  maxSize: number;
  policy: EvictionPolicy;
  readonly counts = { sets: 0, deletes: 0, evictions: 0, expired: 0 };
  hasBacklog = false;
  readonly fileState = 'sound';
  readonly reader: StoreReader;
  readonly #entries = new Map<string, Entry>();
  readonly #leases = new Map<string, LeaseRecord>();
  readonly #versions: Versions;
  #size = 0;
  #changed = new Set<string>();

  constructor({ maxSize, policy, versions = new Versions() }: MemoryStoreOptions) {
    this.#versions = versions;
    this.maxSize = maxSize;
    this.policy = policy;
    this.reader = new MemoryReader(this.#entries);
  }

  get isPressed(): boolean {
    return isPressed(this.policy, this.#size, this.maxSize);
  }

  /** Other limits from now on. What is over them goes with the next operation. */
  setLimits({ maxSize, policy }: StoreLimits): void {
    this.maxSize = maxSize;
    this.policy = policy;
    this.#versions.setPressed(this.isPressed);
  }

  apply(batch: readonly TimedOperation[]): WriteResult[] {
    this.#changed = new Set();
    const results = batch.map(({ operation, now }) => this.#applyOne(operation, now));
    if (batch.length > 0) this.#evict(Math.min(...batch.map(({ now }) => now)));
    this.#versions.bump(this.#changed);
    this.#versions.setPressed(this.isPressed);
    return results;
  }

  #applyOne(operation: WriteOperation, now: number): WriteResult {
    switch (operation.type) {
      case 'set':
        return { value: this.#set(operation, now) };
      case 'set-many':
        // All or none: one that can never be kept keeps the others out.
        if (this.policy !== 'none' && operation.entries.some(({ value }) => value.size > this.maxSize)) {
          return { value: false };
        }
        for (const { key, value } of operation.entries) {
          this.#set({ type: 'set', key, value, expires: operation.expires }, now);
        }
        return { value: true };
      case 'delete':
        return { value: operation.keys.filter(key => this.#delete(key, now)).length };
      case 'touch': {
        const entry = this.#live(operation.key, now);
        if (!entry) return { value: false };
        entry.value.checksum = timed(timed(entry.value.checksum, entry.expires), operation.expires);
        entry.expires = operation.expires;
        this.#changed.add(entry.key);
        return { value: true };
      }
      case 'increment':
        return this.#increment(operation, now);
      case 'access':
        for (const [key, count, last] of operation.entries) {
          const entry = this.#entries.get(key);
          if (!entry) continue;
          entry.hits += count;
          entry.accessed = Math.max(entry.accessed, last);
        }
        return { value: true };
      case 'discard':
        // Memory does not decay, and what is in it cannot be damaged.
        return { value: false };
      case 'clear': {
        const keys = [...this.#entries.keys()];
        for (const key of keys) this.#remove(this.#entries.get(key)!);
        this.counts.deletes += keys.length;
        return { value: keys.length };
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
    if (this.policy !== 'none' && operation.value.size > this.maxSize) return false;
    const { encoding, data, blob, checksum: sum, size, mode } = operation.value;
    const value: StoredValue = { encoding, data, blob, checksum: timed(sum, expires), size, mode };
    this.#entries.set(key, { key, value, expires, created: now, accessed: now, hits: 0 });
    this.#size += size;
    this.counts.sets++;
    this.#changed.add(key);
    return true;
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
      return { mistake: `The entry '${key}' is no number: increment() adds to numbers only.` };
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
    this.#size -= entry.value.size;
    this.#changed.add(entry.key);
  }

  #removeExpired(now: number): number {
    let removed = 0;
    for (const entry of this.#entries.values()) {
      if (!isExpired(entry.expires, now)) continue;
      this.#remove(entry);
      removed++;
    }
    this.counts.expired += removed;
    return removed;
  }

  // In one go down to a tenth below the limit: the walk and the sort are paid once for many sets.
  #evict(now: number): number {
    if (this.policy === 'none' || this.#size <= this.maxSize) return 0;
    this.#removeExpired(now);
    let evicted = 0;
    if (this.#size <= this.maxSize) return evicted;
    const order: Record<Exclude<EvictionPolicy, 'none'>, (a: Entry, b: Entry) => number> = {
      'least-recently-used': (a, b) => a.accessed - b.accessed,
      'least-recently-stored': (a, b) => a.created - b.created,
      'least-frequently-used': (a, b) => a.hits - b.hits || a.accessed - b.accessed,
    };
    const entries = [...this.#entries.values()].sort(order[this.policy]);
    const goal = this.maxSize - Math.min(this.maxSize / 10, this.#size / 10);
    for (const entry of entries) {
      // What was stored just now goes only when there is no room without it.
      if (this.#size <= goal || (this.#size <= this.maxSize && this.#changed.has(entry.key))) break;
      this.#remove(entry);
      evicted++;
    }
    this.counts.evictions += evicted;
    return evicted;
  }

  totals(): StoreTotals {
    return { size: this.#size, count: this.#entries.size, blobs: 0 };
  }

  latestCommits(): undefined {
    return undefined;
  }

  lease(key: string): LeaseRecord | undefined {
    return this.#leases.get(key);
  }

  async check(): Promise<CheckReport & { changed: boolean }> {
    return { entries: this.#entries.size, blobs: 0, problems: [], changed: false };
  }

  setAside(): undefined {}

  async collect(): Promise<void> {}

  close(): void {
    this.#entries.clear();
  }
}

class MemoryReader implements StoreReader {
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  read(key: string): FoundValue | undefined {
    const entry = this.#entries.get(key);
    return entry && { ...entry.value, data: copyOf(entry.value.data), expires: entry.expires };
  }

  page(prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] {
    // Bounded by what fits into memory; sorted anew for each page because entries come and go in between.
    const later = [...this.#entries.values()].filter(
      ({ key, expires }) =>
        key.startsWith(prefix) && compareBytes(key, after) > 0 && !isExpired(expires, now),
    );
    later.sort((a, b) => compareBytes(a.key, b.key));
    return later.slice(0, PAGE_SIZE).map(({ key, value, expires }) => {
      const data = keysOnly ? null : copyOf(value.data);
      return { key, ...value, data, expires };
    });
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

  foreignCommits(): number {
    return 0;
  }

  close(): void {}
}

// As SQLite orders text: by bytes of UTF-8, which differs from JavaScript's order beyond the basic plane.
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

// What is handed out may be changed by whoever gets it.
function copyOf(data: StoredValue['data']): StoredValue['data'] {
  return data instanceof Uint8Array ? Buffer.from(data) : data;
}
