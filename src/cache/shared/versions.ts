// Version counters in shared memory: they tell every thread at once that its copy of an entry is outdated.
//
// A key's slot is chosen by its hash. The writer bumps a key's slot after its commit and before the acknowledgement. A reader notes the slot's number
// before it reads; its copy is valid while the slot still has that number. Keys that share a slot only cost a read.
import { VERSIONS, VERSIONS_BYTES } from './layout.ts';

const {
  epoch: EPOCH,
  degraded: DEGRADED,
  nearLimit: NEAR_LIMIT,
  peers: PEERS,
  firstSlot: FIRST_SLOT,
  slots: SLOTS,
} = VERSIONS;

/** A key's hash, of 32 bits. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}

export class Versions {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: Int32Array;

  constructor(buffer = new SharedArrayBuffer(VERSIONS_BYTES)) {
    this.buffer = buffer;
    this.#slots = new Int32Array(buffer);
  }

  /** The slot that holds the version of a key with this hash. */
  slotOf(hash: number): number {
    return FIRST_SLOT + (hash & (SLOTS - 1));
  }

  at(slot: number): number {
    return Atomics.load(this.#slots, slot);
  }

  /** Changes when the database file itself was replaced: connections to the old one must be given up. */
  get epoch(): number {
    return Atomics.load(this.#slots, EPOCH);
  }

  /** True while the store cannot be used: nothing is read or written then. */
  get isDegraded(): boolean {
    return Atomics.load(this.#slots, DEGRADED) === 1;
  }

  setDegraded(isDegraded: boolean): void {
    Atomics.store(this.#slots, DEGRADED, isDegraded ? 1 : 0);
  }

  /** True while the store is near its size limit and evicts by use: then reads are reported to the writer at once. */
  get isNearLimit(): boolean {
    return Atomics.load(this.#slots, NEAR_LIMIT) === 1;
  }

  setNearLimit(isNearLimit: boolean): void {
    Atomics.store(this.#slots, NEAR_LIMIT, isNearLimit ? 1 : 0);
  }

  /** True when another coordinator of this process may have the store open, whose writes bump no versions here. */
  get hasPeerCoordinators(): boolean {
    return Atomics.load(this.#slots, PEERS) === 1;
  }

  setPeerCoordinators(): void {
    Atomics.store(this.#slots, PEERS, 1);
  }

  /** Invalidates the copies of all keys with these hashes. */
  bump(hashes: Iterable<number> | 'all'): void {
    if (hashes === 'all') {
      for (let slot = FIRST_SLOT; slot < FIRST_SLOT + SLOTS; slot++) Atomics.add(this.#slots, slot, 1);
      return;
    }
    for (const hash of hashes) this.bumpOne(hash);
  }

  /**
   * Bumps a slot that was at `version` before the commit, and returns the version after it. Undefined when another
   * writer has bumped it since, perhaps for a later commit: the slot is bumped all the same, and the value just written
   * must not be kept as the latest.
   */
  advance(slot: number, version: number): number | undefined {
    const after = (version + 1) | 0;
    if (Atomics.compareExchange(this.#slots, slot, version, after) === version) return after;
    Atomics.add(this.#slots, slot, 1);
    return undefined;
  }

  bumpOne(hash: number): void {
    Atomics.add(this.#slots, this.slotOf(hash), 1);
  }

  bumpEpoch(): void {
    Atomics.add(this.#slots, EPOCH, 1);
    this.bump('all');
  }
}
