// Copies of entries in memory: the thread's own (local tier), and those that all threads of the process share (shared
// tier). A copy is valid while its key's version counter has not moved.
//
// Other processes' commits move the counters only when this thread asks what they have changed: it does so once in a few
// milliseconds, before it uses a copy.
import { wallClock } from '../../system/time.ts';
import { CROSS_PROCESS_STALENESS_MS } from '../cache.ts';
import type { FoundValue, WriteOperation } from '../operations.ts';
import type { SharedTier } from '../shared/shared-tier.ts';
import { hashOf, type Versions } from '../shared/versions.ts';
import type { WriteLock } from '../shared/write-lock.ts';
import { foundOf } from '../values/codec.ts';
import type { AccessRecorder } from './access-recorder.ts';
import { type LocalEntry, LocalTier } from './local-tier.ts';
import type { StoreClient } from './store-client.ts';

/** State of a key before its entry is read elsewhere. */
export interface ReadVersion {
  hash: number;
  slot: number;
  version: number;
  /** Whether copies may be kept in memory. */
  isCurrent: boolean;
  /** A copy in the shared tier, still to be verified. */
  shared: FoundValue | undefined;
}

// Bytes. A copy of a larger value would displace many others, and be hardly faster than the database.
const LARGEST_COPY = 16 * 1024;

export class MemoryCopies {
  readonly #clock: () => number;
  readonly #tier: LocalTier | undefined;
  readonly #versions: Versions;
  readonly #lock: WriteLock;
  readonly #sharedTier: SharedTier;
  readonly #accesses: AccessRecorder;
  readonly #follow: () => number | undefined;
  // On the system's clock, which is faster to read than the monotonic one. A clock that was set back forces a
  // revalidation.
  #revalidatedAt = Number.NEGATIVE_INFINITY;
  #revalidateAt = Number.NEGATIVE_INFINITY;

  /**
   * @param localTierSize bytes; 0: no copies are used
   * @param follow moves the counters of what other processes have changed; undefined when that cannot be determined
   */
  constructor(
    { shared }: StoreClient,
    clock: () => number,
    localTierSize: number,
    accesses: AccessRecorder,
    follow: () => number | undefined,
  ) {
    this.#clock = clock;
    this.#tier = localTierSize > 0 ? new LocalTier(localTierSize) : undefined;
    this.#versions = shared.versions;
    this.#lock = shared.lock;
    this.#sharedTier = shared.tier;
    this.#accesses = accesses;
    this.#follow = follow;
  }

  /**
   * A copy of the thread's own that is certainly valid, counted as a hit. As short as it can be, because a busy cache
   * spends most of its time here.
   */
  hot(key: string): LocalEntry | undefined {
    const entry = this.#tier?.peek(key);
    if (entry === undefined || this.#versions.at(entry.slot) !== entry.version) return undefined;
    const now = wallClock.now();
    if (now >= this.#revalidateAt || now < this.#revalidatedAt || entry.expires !== null) return undefined;
    this.#accesses.hit(entry, this.#clock === wallClock.now ? now : this.#clock());
    return entry;
  }

  /** The valid copy of the thread's own; without one, what is needed to read the entry and keep it. */
  find(key: string): LocalEntry | ReadVersion {
    const isCurrent = this.#isCurrent();
    const entry = isCurrent ? this.#tier?.get(key) : undefined;
    if (entry && this.#versions.at(entry.slot) === entry.version) return entry;
    const hash = hashOf(key);
    const slot = this.#versions.slotOf(hash);
    // Taken before the read: a later write then makes the copy outdated, never the other way round.
    const version = this.#versions.at(slot);
    const shared = isCurrent ? this.#sharedTier.get(key, hash, version) : undefined;
    return { hash, slot, version, isCurrent, shared };
  }

  /** The thread's own copy, if it is valid and was used lately. Does not count as a read. */
  peek(key: string): LocalEntry | undefined {
    const entry = this.#tier?.peek(key);
    return entry && this.#versions.at(entry.slot) === entry.version ? entry : undefined;
  }

  /** Tier whose copy a read would return now; undefined: none. Does not count as a read. */
  tierOf(key: string): 'local' | 'shared' | undefined {
    const found = this.find(key);
    if (!('isCurrent' in found)) return 'local';
    return found.shared && 'shared';
  }

  /** Whether a copy of a value that was read from the database would probably be used. */
  isWorthKeeping(found: FoundValue | undefined, { hash, isCurrent }: ReadVersion): boolean {
    if (!found || found.blob !== null || found.size > LARGEST_COPY) return false;
    return isCurrent && this.#sharedTier.noteRead(hash);
  }

  /** Keeps a copy of a value that was read: from the shared tier, or from the database for both tiers. */
  keep(
    key: string,
    found: FoundValue,
    value: unknown,
    { hash, slot, version, shared }: ReadVersion,
  ): LocalEntry {
    if (found !== shared) this.#sharedTier.put(key, hash, version, found);
    const decoded = typeof value === 'object' ? undefined : value;
    const known = this.#tier?.peek(key);
    if (known !== undefined) {
      // Its reads since the last report stay counted: the key is not recorded again.
      this.#replace(known, found, version, decoded);
      return known;
    }
    const entry: LocalEntry = {
      key,
      found,
      decoded,
      isDecoded: decoded !== undefined,
      template: undefined,
      lent: decoded,
      slot,
      version,
      expires: found.expires,
      hits: 0,
      accessed: 0,
      cost: 0,
    };
    this.#tier?.set(key, entry);
    return entry;
  }

  /**
   * This thread has stored a value: the copy of its key that is in use becomes that value, at the version that it had
   * right after the commit.
   */
  stored({ key, value, expires }: WriteOperation & { type: 'set' }, version: number): void {
    const entry = this.#tier?.peek(key);
    // An unread copy is not worth updating: the next read finds the value in the shared tier.
    if (entry === undefined || entry.hits === 0) return;
    const { data, size } = value;
    if (data === null || size > LARGEST_COPY) this.#tier!.delete(key);
    else this.#replace(entry, foundOf(value, expires), version, typeof data === 'string' ? data : undefined);
  }

  #replace(entry: LocalEntry, found: FoundValue, version: number, decoded: unknown): void {
    entry.found = found;
    entry.decoded = decoded;
    entry.isDecoded = decoded !== undefined;
    entry.lent = decoded;
    entry.template = undefined;
    entry.version = version;
    entry.expires = found.expires;
    this.#tier!.changed(entry);
  }

  /** Rows of the database were seen: the next copy returned must not be older. */
  seen(key: string | 'all'): void {
    this.#forceRevalidation();
    this.invalidate(key);
  }

  /**
   * Between COMMIT and the version bump the database is newer than the counters, for longer if the committing thread
   * waits for a core. A read that saw that state bumps the versions itself, as the commit is about to do.
   */
  invalidate(key: string | 'all'): void {
    if (this.#lock.isHeld) this.#versions.bump(key === 'all' ? key : [hashOf(key)]);
  }

  /** A text that changes whenever the entry does. */
  stateOf(key: string): string {
    return `${this.#versions.at(this.#versions.slotOf(hashOf(key)))} ${this.#follow()}`;
  }

  /** Drops the thread's own copies. */
  clear(): void {
    this.#tier?.clear();
  }

  /** Whether copies in memory may be used. Drops those of this thread that may be outdated. */
  #isCurrent(): boolean {
    if (!this.#tier) return false;
    const now = wallClock.now();
    if (now < this.#revalidateAt && now >= this.#revalidatedAt) return true;
    this.#revalidatedAt = now;
    // Whole milliseconds, rounded down both times: never later than it should be.
    this.#revalidateAt = now + (this.#versions.hasPeerCoordinators ? 0 : CROSS_PROCESS_STALENESS_MS);
    if (this.#follow() !== undefined) return true;
    this.#tier.clear();
    this.#forceRevalidation();
    return false;
  }

  #forceRevalidation(): void {
    this.#revalidateAt = Number.NEGATIVE_INFINITY;
  }
}
