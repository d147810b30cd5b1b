// Shared tier: copies of entries in memory that all threads of the process share. An entry that one thread has read or
// written is not fetched from the database again by the others.
//
//   index: 4 places for each bucket        a ring of entries, each overwritten when its turn comes
//   ┌───┬───────────────────────┐               ┌─ ─ ┬────────┬─────┬───────┬────────┬─ ─ ┐
//   │   │ 4 positions, 4 hashes │ … ─ position ──►   │ header │ key │ bytes │ header │    │
//   └───┴───────────────────────┘               └─ ─ ┴────────┴─────┴───────┴────────┴─ ─ ┘
//
// Positions only grow (in units of 8 bytes, the place in the ring is the remainder), and `head` is advanced before
// anything is overwritten. A reader that finds the position within one ring of the head, also after it has copied the
// entry, has copied the whole of it. One thread puts at a time; a thread that finds another one putting skips its own
// put. A copy is valid while its key has the version in the copy's header. Processors may reorder reads; the checksum,
// which every reader verifies, detects a torn copy.
import { threadId } from 'node:worker_threads';
import type { FoundValue } from '../operations.ts';
import { Encoding } from '../values/codec.ts';
import { TIER, TIER_BYTES, TIER_ENTRY } from './layout.ts';
import { allocateShared } from './shared-allocation.ts';

const {
  lock: LOCK,
  head: HEAD,
  read: READ,
  readPlaces: READ_PLACES,
  index: INDEX,
  indexEnd: INDEX_END,
  buckets: BUCKETS,
  ways: WAYS,
  ring: RING,
  unit: UNIT,
  units: UNITS,
} = TIER;

const {
  version: VERSION,
  keyLength: KEY_LENGTH,
  size: SIZE,
  encoding: ENCODING,
  checksum: CHECKSUM,
  expires: EXPIRES,
  headerBytes: HEADER_BYTES,
} = TIER_ENTRY;

const LARGEST_UNITS = UNITS >> 4;
const LAST_POSITION = 2 ** 31 - 1 - 2 * UNITS;

export class SharedTier {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #characters: Uint16Array;
  readonly #bytes: Buffer;

  constructor(buffer = allocateShared(TIER_BYTES)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#characters = new Uint16Array(buffer);
    this.#bytes = Buffer.from(buffer);
  }

  /**
   * Records that a key is read from the database. False: not read lately before, so that a copy would probably be
   * useless, and would displace a better one.
   */
  noteRead(hash: number): boolean {
    const place = READ + (hash & (READ_PLACES - 1));
    const isKnown = this.#words[place] === hash;
    this.#words[place] = hash;
    return isKnown;
  }

  /** A copy of the entry with this version. The caller has to verify its checksum. */
  get(key: string, hash: number, version: number): FoundValue | undefined {
    const words = this.#words;
    const bucket = bucketOf(hash);
    for (let way = bucket; way < bucket + WAYS; way++) {
      if (words[way + WAYS] !== hash) continue;
      const position = Atomics.load(words, way);
      if (!this.#isThere(position)) continue;
      const at = placeOf(position);
      const header = at >> 2;
      if (words[header + VERSION] !== version) continue;
      if (!this.#isKey(key, at)) continue;
      const found = this.#copy(at, key.length);
      if (found && this.#isThere(position)) return found;
    }
    return undefined;
  }

  /**
   * Keeps a copy of an entry whose value is at hand. For a value read from the database, `version` is the one before
   * the read. For a written value it is the one after the commit, provided that nothing else has bumped it since before
   * the commit.
   */
  put(key: string, hash: number, version: number, value: FoundValue): void {
    const { data, size, encoding, checksum, expires } = value;
    if (data === null || value.mode !== null) return;
    const units = Math.ceil((HEADER_BYTES + 2 * key.length + size) / UNIT);
    if (units > LARGEST_UNITS) return;
    const words = this.#words;
    if (typeof data !== 'string' && data.byteLength !== size) return;
    if (Atomics.compareExchange(words, LOCK, 0, threadId + 1) !== 0) return;
    try {
      const position = this.#reserve(units);
      const at = placeOf(position);
      const header = at >> 2;
      words[header + VERSION] = version;
      words[header + KEY_LENGTH] = key.length;
      words[header + SIZE] = size;
      words[header + ENCODING] = encoding;
      words[header + CHECKSUM] = checksum;
      this.#doubles[(header + EXPIRES) >> 1] = expires ?? Number.POSITIVE_INFINITY;
      const keyAt = at + HEADER_BYTES;
      const dataAt = keyAt + 2 * key.length;
      const first = keyAt >> 1;
      for (let index = 0; index < key.length; index++)
        this.#characters[first + index] = key.charCodeAt(index);
      if (typeof data === 'string') this.#bytes.write(data, dataAt, size, 'utf8');
      else this.#bytes.set(data, dataAt);
      this.#publish(hash, position);
    } finally {
      Atomics.store(words, LOCK, 0);
    }
  }

  /** Releases the lock of a thread that has ended. A copy that it was putting was not published yet. */
  onThreadExit(thread: number): void {
    Atomics.compareExchange(this.#words, LOCK, thread + 1, 0);
  }

  #reserve(units: number): number {
    const words = this.#words;
    let position = words[HEAD]! || 1;
    const rest = UNITS - (position & (UNITS - 1));
    if (rest < units) position += rest;
    if (position > LAST_POSITION) {
      // Positions start again at the beginning: an old one must not be taken for a new one.
      for (let word = INDEX; word < INDEX_END; word++) Atomics.store(words, word, 0);
      position = 1;
    }
    Atomics.store(words, HEAD, position + units);
    return position;
  }

  // Replaces the same key's position, or an overwritten one, or the oldest.
  #publish(hash: number, position: number): void {
    const words = this.#words;
    const bucket = bucketOf(hash);
    let chosen = bucket;
    let oldest = Number.POSITIVE_INFINITY;
    for (let way = bucket; way < bucket + WAYS; way++) {
      const age = words[way + WAYS] === hash ? -1 : words[way]!;
      if (age < oldest) {
        chosen = way;
        oldest = age;
      }
    }
    Atomics.store(words, chosen, 0);
    words[chosen + WAYS] = hash;
    Atomics.store(words, chosen, position);
  }

  #isThere(position: number): boolean {
    const behind = Atomics.load(this.#words, HEAD) - position;
    return position > 0 && behind > 0 && behind <= UNITS;
  }

  #isKey(key: string, at: number): boolean {
    if (this.#words[(at >> 2) + KEY_LENGTH] !== key.length) return false;
    const first = (at + HEADER_BYTES) >> 1;
    for (let index = 0; index < key.length; index++) {
      if (this.#characters[first + index] !== key.charCodeAt(index)) return false;
    }
    return true;
  }

  // An entry that is overwritten meanwhile can have any size.
  #copy(at: number, keyLength: number): FoundValue | undefined {
    const header = at >> 2;
    const size = this.#words[header + SIZE]!;
    const from = at + HEADER_BYTES + 2 * keyLength;
    if (size < 0 || from + size > this.#bytes.length) return undefined;
    const encoding = this.#words[header + ENCODING]!;
    const expires = this.#doubles[(header + EXPIRES) >> 1]!;
    let data: string | Buffer;
    if (encoding === Encoding.text) data = this.#bytes.toString('utf8', from, from + size);
    else {
      data = Buffer.allocUnsafe(size);
      this.#bytes.copy(data, 0, from, from + size);
    }
    return {
      encoding,
      data,
      blob: null,
      checksum: this.#words[header + CHECKSUM]! >>> 0,
      size,
      mode: null,
      expires: expires === Number.POSITIVE_INFINITY ? null : expires,
    };
  }
}

function bucketOf(hash: number): number {
  return INDEX + (hash & (BUCKETS - 1)) * WAYS * 2;
}

function placeOf(position: number): number {
  return RING + (position & (UNITS - 1)) * UNIT;
}
