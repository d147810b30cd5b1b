// Space account of a store: the bytes that may be written before its size is measured again, and the bytes to evict.
// Only for the thread that holds the write lock.
//
//   written ──► allowance used up ──► look: pages in use, and blobs
//                      ▲                   │ over the limit
//                      │                   ▼
//                      └── evicted ──── to evict: bytes, some in each transaction
//
// An evicted entry leaves a hole in its page, and the page is free only when most of it is holes. So the store
// estimates how much of its size are entries: all of it, less the evicted bytes, plus the bytes written since. It owes
// the bytes by which the entries exceed the limit. An excess that consists only of holes is to be filled (see
// fillHoles() in eviction.ts). Another process's writes show as pages that have come since the latest measurement,
// beyond this process's own.
import { SPACE } from './layout.ts';

const {
  allowance: ALLOWANCE,
  toEvict: TO_EVICT,
  entries: ENTRIES,
  fragmented: FRAGMENTED,
  isKnown: IS_KNOWN,
  lastSize: LAST_SIZE,
  written: WRITTEN,
} = SPACE;

// Shares of the limit: how far below it eviction goes, and how much may be written between two measurements.
const ROOM_SHARE = 1 / 32;
const MEASURE_SHARE = 1 / 32;
const LEAST_MEASURE_SHARE = 1 / 1024;
const MOST_BYTES = 16 * 1024 * 1024;
// A page of the table and one of an index.
const SPLIT_BYTES = 8192;

export class SpaceAccount {
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#numbers = new Float64Array(memory, offset, SPACE.numbers);
  }

  /** Bytes of entries that are to be evicted. */
  get bytesToEvict(): number {
    return this.#numbers[TO_EVICT]!;
  }

  /** Whether the store is over its limit only because of holes in its pages. */
  get isFragmented(): boolean {
    return this.#numbers[FRAGMENTED] === 1;
  }

  /** True when so much was written that the store has to measure its size. */
  get needsMeasuring(): boolean {
    return this.#numbers[ALLOWANCE]! <= 0 && this.bytesToEvict <= 0;
  }

  /** Counts so many bytes as written, perhaps over others. */
  write(bytes: number): void {
    this.#numbers[ALLOWANCE]! -= bytes;
    this.#numbers[ENTRIES]! += bytes;
    this.#numbers[WRITTEN]! += bytes;
  }

  /**
   * Counts entries of so many bytes as removed. True when those were the last bytes to evict: then call
   * {@link measured} again.
   */
  free(bytes: number): boolean {
    const numbers = this.#numbers;
    numbers[ENTRIES]! -= bytes;
    if (numbers[TO_EVICT]! <= 0) return false;
    numbers[TO_EVICT]! -= bytes;
    return numbers[TO_EVICT]! <= 0;
  }

  /**
   * Records the measured size. `hasHoles`: there are holes that can be filled. `isShared`: other processes write, too.
   */
  measured(size: number, limit: number, hasHoles: boolean, isShared: boolean): void {
    const numbers = this.#numbers;
    if (isShared) numbers[ENTRIES]! += Math.max(size - numbers[LAST_SIZE]! - numbers[WRITTEN]!, 0);
    numbers[LAST_SIZE] = size;
    numbers[WRITTEN] = 0;
    const room = limit * ROOM_SHARE;
    const isOver = size > limit;
    const isKnown = numbers[IS_KNOWN] === 1 && !(isOver && !hasHoles);
    numbers[ENTRIES] = isKnown ? Math.min(numbers[ENTRIES]!, size) : size;
    numbers[IS_KNOWN] = 1;
    const owed = isOver ? numbers[ENTRIES] - (limit - room) : 0;
    numbers[FRAGMENTED] = isOver && owed <= 0 ? 1 : 0;
    numbers[TO_EVICT] = Math.max(owed, 0);
    // Writes may take more space than they count: pages are split before they are full.
    const most = isOver ? room / 2 : (limit - size) / 2 - SPLIT_BYTES;
    numbers[ALLOWANCE] = Math.max(
      Math.min(most, limit * MEASURE_SHARE, MOST_BYTES),
      limit * LEAST_MEASURE_SHARE,
      1,
    );
  }

  /** Ends the eviction: nothing is left to evict, or evicting is not worth it. */
  cancelEviction(): void {
    this.#numbers[TO_EVICT] = 0;
  }

  /** The store is empty. */
  clear(): void {
    this.#numbers.fill(0);
  }
}
