// How much may be written to a store before it has to look how large it is, and how much it has to evict. Only for the
// thread that holds the write lock.
//
//   written ──► allowance used up ──► look: pages in use, and blobs
//                      ▲                   │ over the limit
//                      │                   ▼
//                      └── evicted ──── to evict: bytes, some in each transaction
//
// An entry that is evicted leaves a hole in its page, and the page is free only when most of it is holes. So the store
// estimates how much of its size are entries: all of it, less what was evicted, plus what was written since. It owes what
// the entries are over the limit. What only the holes are, is to be filled (see fillHoles() in entry-table.ts). What other
// processes write a process sees as pages that have come since its last look, beyond what it has written itself.

const ALLOWANCE = 0;
const TO_EVICT = 1;
const ENTRIES = 2;
const FRAGMENTED = 3;
// Whether ENTRIES was ever told from the whole size.
const IS_KNOWN = 4;
// The size at the latest look, and what was written since.
const LAST_SIZE = 5;
const WRITTEN = 6;
const NUMBERS = 7;

// Of the limit: how far below it eviction goes, and what may be written between two looks.
const ROOM_SHARE = 1 / 32;
const MEASURE_SHARE = 1 / 32;
const LEAST_MEASURE_SHARE = 1 / 1024;
const MOST_BYTES = 16 * 1024 * 1024;
// A page of the table and one of an index.
const SPLIT_BYTES = 8192;

export class SpaceAccount {
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#numbers = new Float64Array(memory, offset, NUMBERS);
  }

  /** Bytes of entries that are to be evicted. */
  get bytesToEvict(): number {
    return this.#numbers[TO_EVICT]!;
  }

  /** Whether the store is over its limit only because of holes in its pages. */
  get isFragmented(): boolean {
    return this.#numbers[FRAGMENTED] === 1;
  }

  /** True when so much was written that the store is to look how large it is. */
  get needsMeasuring(): boolean {
    return this.#numbers[ALLOWANCE]! <= 0 && this.bytesToEvict <= 0;
  }

  /** So many bytes were written, perhaps in the place of others. */
  write(bytes: number): void {
    this.#numbers[ALLOWANCE]! -= bytes;
    this.#numbers[ENTRIES]! += bytes;
    this.#numbers[WRITTEN]! += bytes;
  }

  /** Entries of so many bytes were removed. True when that was the last of the bytes to evict: then {@link measured} again. */
  free(bytes: number): boolean {
    const numbers = this.#numbers;
    numbers[ENTRIES]! -= bytes;
    if (numbers[TO_EVICT]! <= 0) return false;
    numbers[TO_EVICT]! -= bytes;
    return numbers[TO_EVICT]! <= 0;
  }

  /** The store was found to have this size. `hasHoles`: there are holes that can be filled. `isShared`: others write, too. */
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
    // What is written may take more than it counts: pages are split before they are full.
    const most = isOver ? room / 2 : (limit - size) / 2 - SPLIT_BYTES;
    numbers[ALLOWANCE] = Math.max(
      Math.min(most, limit * MEASURE_SHARE, MOST_BYTES),
      limit * LEAST_MEASURE_SHARE,
      1,
    );
  }

  /** Nothing is left that could be evicted, or it is not worth it. */
  cancelEviction(): void {
    this.#numbers[TO_EVICT] = 0;
  }

  /** There is nothing any more. */
  clear(): void {
    this.#numbers.fill(0);
  }
}
