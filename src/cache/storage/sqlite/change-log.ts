// Change log: tells the processes that have a store open which entries the others change. A file beside the database,
// `cache.db-changes`, because a row for it would be a page more to write in each transaction.
//
//   ┌────────────┬──────┬──────┬─ ─┬──────┐
//   │ generation │ hash │ hash │   │ hash │ ◄── appended by the transaction that is about to change the entry
//   └────────────┴──────┴──────┴─ ─┴──────┘
//                               ▲ a reader's position: the beginning of the last transaction that it has read
//
// A record is written before its transaction commits, and by the one process that may write to the database then. So
// whoever sees a commit finds its records, also if the writer is killed in between. All records are those of ended
// transactions, but for the last transaction's, which may be committed later: readers read it again the next time.
//
// The log need not survive anything: it matters only to copies in the memory of running processes. When it has become
// too long, it is begun anew with another generation; and a reader that finds a generation or a record that it does not
// expect drops all copies.
import { createHash, randomInt } from 'node:crypto';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

// A record, and the generation at the beginning: four words, the last of which confirms the others.
//
//   Int32Array   hash, process, process, check
const WORDS = 4;
const RECORD_BYTES = 4 * WORDS;
// Of the first record of a transaction, of its others, and of the generation.
const FIRST = 0x6c6f6731;
const NEXT = 0x6c6f6732;
const GENERATION = 0x6c6f6733;

/** Most keys of one transaction that are recorded. */
export const MAX_HASHES = 256;

// A link in its place is not followed.
const FLAGS = constants.O_RDWR | constants.O_APPEND | (constants.O_NOFOLLOW ?? 0);

const MOST_BYTES = 1024 * 1024;
// The length is looked at when this process has written so much.
const CHECK_BYTES = 64 * 1024;

/** The position of a reader that has read nothing. */
export const NOWHERE = 0n;
const OFFSET_BITS = 32n;

export interface Changes {
  /** The hashes of the keys that other processes changed. */
  hashes: number[] | 'all';
  /** The position to go on from: a generation and an offset. */
  position: bigint;
}

export class ChangeLog {
  readonly #file: string;
  readonly #process: readonly [number, number];
  readonly #records = new Int32Array(WORDS * MAX_HASHES);
  readonly #found = new Int32Array(WORDS * MAX_HASHES);
  #descriptor: number | undefined;
  #written = 0;

  /** @param writer this process's name */
  constructor(file: string, writer: string) {
    this.#file = file;
    const digest = createHash('sha256').update(writer).digest();
    this.#process = [digest.readInt32LE(0), digest.readInt32LE(4)];
  }

  /** Prepares for {@link note}, in a transaction. Returns whether the log is a new one, which no reader knows yet. */
  open(): boolean {
    try {
      this.#descriptor ??= openSync(this.#file, FLAGS | constants.O_CREAT, 0o600);
      if (generationOf(this.#descriptor) !== undefined) return false;
      this.#begin(this.#descriptor, randomInt(1, 2 ** 31 - 1));
      return true;
    } catch {
      this.close();
      return false;
    }
  }

  /** Whether {@link note} can record anything. */
  get isOpen(): boolean {
    return this.#descriptor !== undefined;
  }

  /**
   * Records up to {@link MAX_HASHES} keys that the transaction changes, before its commit. False where the log cannot be
   * written to: then the transaction has to begin another run.
   */
  note(hashes: readonly number[]): boolean {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return false;
    try {
      if (this.#written >= CHECK_BYTES) this.#shorten(descriptor);
      for (const [index, hash] of hashes.entries()) {
        this.#put(index, hash, this.#process, index === 0 ? FIRST : NEXT);
      }
      this.#append(descriptor, hashes.length);
      return true;
    } catch {
      return false;
    }
  }

  #shorten(descriptor: number): void {
    this.#written = 0;
    if (fstatSync(descriptor).size > MOST_BYTES) {
      this.#begin(descriptor, ((generationOf(descriptor) ?? 0) + 1) & 0x7fffffff || 1);
    }
  }

  #begin(descriptor: number, generation: number): void {
    ftruncateSync(descriptor, 0);
    this.#put(0, generation, [0, 0], GENERATION);
    this.#append(descriptor, 1);
  }

  #put(index: number, hash: number, [first, second]: readonly [number, number], kind: number): void {
    const at = index * WORDS;
    this.#records[at] = hash;
    this.#records[at + 1] = first;
    this.#records[at + 2] = second;
    this.#records[at + 3] = hash ^ first ^ second ^ kind;
  }

  #append(descriptor: number, count: number): void {
    const bytes = count * RECORD_BYTES;
    const written = writeSync(descriptor, this.#records, 0, bytes);
    this.#written += written;
    if (written === bytes) return;
    const { size } = fstatSync(descriptor);
    ftruncateSync(descriptor, size - (size % RECORD_BYTES));
    throw new Error(`${this.#file} could not be written to.`);
  }

  /** Reads what other processes have recorded since `from`. */
  read(from: bigint): Changes {
    const descriptor = this.#opened();
    const generation = descriptor === undefined ? undefined : generationOf(descriptor);
    if (descriptor === undefined || generation === undefined) return { hashes: 'all', position: NOWHERE };
    if (from >> OFFSET_BITS !== BigInt(generation)) {
      return { hashes: 'all', position: positionOf(generation, lastOffset(descriptor)) };
    }
    const start = Number(BigInt.asUintN(Number(OFFSET_BITS), from));
    const hashes: number[] = [];
    const [first, second] = this.#process;
    const words = this.#found;
    let last = start;
    for (let offset = start; ; ) {
      const end = wordsAt(descriptor, offset, words);
      // The last transaction that was read is gone.
      const isCut = end === 0 && offset === start && start > RECORD_BYTES;
      if (isCut) return { hashes: 'all', position: positionOf(generation, lastOffset(descriptor)) };
      for (let at = 0; at < end; at += WORDS, offset += RECORD_BYTES) {
        const hash = words[at]!;
        const kind = words[at + 3]! ^ hash ^ words[at + 1]! ^ words[at + 2]!;
        if (kind === FIRST) last = offset;
        else if (kind !== NEXT) {
          return { hashes: 'all', position: positionOf(generation, lastOffset(descriptor)) };
        }
        if (words[at + 1] !== first || words[at + 2] !== second) hashes.push(hash);
      }
      if (end < words.length) return { hashes, position: positionOf(generation, last) };
    }
  }

  #opened(): number | undefined {
    if (this.#descriptor !== undefined) return this.#descriptor;
    try {
      this.#descriptor = openSync(this.#file, FLAGS);
    } catch {
      // Not there yet, or not this user's: then every commit may have changed anything.
    }
    return this.#descriptor;
  }

  /** Closes the file. The next call opens it, which may be another one by then. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function positionOf(generation: number, offset: number): bigint {
  return (BigInt(generation) << OFFSET_BITS) | BigInt(offset);
}

// An offset with at most one transaction behind it, and perhaps the ends of earlier ones.
function lastOffset(descriptor: number): number {
  const { size } = fstatSync(descriptor);
  const whole = size - (size % RECORD_BYTES);
  return Math.max(whole - MAX_HASHES * RECORD_BYTES, RECORD_BYTES);
}

function generationOf(descriptor: number): number | undefined {
  const words = new Int32Array(WORDS);
  if (wordsAt(descriptor, 0, words) === 0) return undefined;
  const [generation, first, second, check] = words as unknown as [number, number, number, number];
  return (generation ^ first ^ second ^ check) === GENERATION && generation > 0 ? generation : undefined;
}

// Returns the number of words of whole records.
function wordsAt(descriptor: number, offset: number, words: Int32Array): number {
  const read = readSync(descriptor, words, 0, words.byteLength, offset);
  return Math.trunc(read / RECORD_BYTES) * WORDS;
}
