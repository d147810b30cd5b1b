// Version counters in shared memory: how every thread knows at once that its copy of an entry is out of date.
//
//   Int32Array over one SharedArrayBuffer per store
//   ┌───────┬──────────┬─────────┬────────────┬──────┬──────┬──────┬─ ─ ─┬──────┐
//   │ epoch │ degraded │ pressed │ neighbours │ turn │ slot │ slot │     │ slot │    a key's slot is chosen by its hash
//   └───────┴──────────┴─────────┴────────────┴──────┴──────┴──────┴─ ─ ─┴──────┘
//
// The writer bumps a key's slot after its commit and before the acknowledgement. A reader notes the slot before it
// reads; its copy is good while the slot still has that number. Keys that share a slot only cost a read.
import { TURN_WORDS, Turn } from './turn.ts';

// As many as a build has entries that change: two keys of one slot cost each other's copies.
const SLOTS = 1 << 16;
const EPOCH = 0;
const DEGRADED = 1;
const PRESSED = 2;
const NEIGHBOURS = 3;
const TURN = 4;
const FIRST_SLOT = TURN + TURN_WORDS;

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
  /** Whose turn it is to write. */
  readonly turn: Turn;
  readonly #slots: Int32Array;

  constructor(buffer = new SharedArrayBuffer((FIRST_SLOT + SLOTS) * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#slots = new Int32Array(buffer);
    this.turn = new Turn(this.#slots.subarray(TURN, FIRST_SLOT));
  }

  /** Where the version of a key with this hash is. */
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

  /** True while the store is near its size limit and evicts by use: then the writer wants to know of reads at once. */
  get isPressed(): boolean {
    return Atomics.load(this.#slots, PRESSED) === 1;
  }

  setPressed(isPressed: boolean): void {
    Atomics.store(this.#slots, PRESSED, isPressed ? 1 : 0);
  }

  /** True when another coordinator of this process may have the store open, whose writes bump no versions here. */
  get hasNeighbours(): boolean {
    return Atomics.load(this.#slots, NEIGHBOURS) === 1;
  }

  setNeighbours(): void {
    Atomics.store(this.#slots, NEIGHBOURS, 1);
  }

  bump(keys: Iterable<string> | 'all'): void {
    if (keys === 'all') {
      for (let slot = FIRST_SLOT; slot < FIRST_SLOT + SLOTS; slot++) Atomics.add(this.#slots, slot, 1);
      return;
    }
    for (const key of keys) Atomics.add(this.#slots, this.slotOf(hashOf(key)), 1);
  }

  bumpEpoch(): void {
    Atomics.add(this.#slots, EPOCH, 1);
    this.bump('all');
  }
}
