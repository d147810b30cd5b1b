// Operations in memory that threads share: written by one, read by another.
import type { IncomingValue, TimedOperation, WriteOperation } from './store.ts';

// Of one operation.
const KIND = 0;
const KEY_LENGTH = 1;
const SIZE = 2;
const ENCODING = 3;
const CHECKSUM = 4;
// Doubles: the caller's time, and when the entry expires (infinite: never).
const NOW = 6;
const EXPIRES = 8;
const HEADER_WORDS = 10;

const SET = 1;
const ADD = 2;
const DELETE = 3;
/** Added to the kind when the value is text. */
const TEXT = 16;

export class OperationMemory {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #bytes: Buffer;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#bytes = Buffer.from(buffer);
  }

  /**
   * Writes operations between two places. False when there is no room for them, or when one is none that can be left
   * to others: a set without a lease and whose value is no file, or the delete of one key.
   */
  write(operations: readonly TimedOperation[], from: number, end: number): boolean {
    let at: number | undefined = from;
    for (const operation of operations) {
      at = this.#write(operation, at, end);
      if (at === undefined) return false;
    }
    return true;
  }

  /** Reads so many operations; undefined for what nobody has written. Their bytes are those of the memory itself. */
  read(count: number, from: number, end: number): TimedOperation[] | undefined {
    const operations: TimedOperation[] = [];
    let at = from;
    while (operations.length < count && at + 4 * HEADER_WORDS <= end) {
      const header = at >> 2;
      const kind = this.#words[header + KIND]!;
      const keyLength = this.#words[header + KEY_LENGTH]!;
      const size = this.#words[header + SIZE]!;
      if (keyLength <= 0 || keyLength > end || size < 0 || size > end) return undefined;
      const keyAt = at + 4 * HEADER_WORDS;
      const dataAt = keyAt + round(2 * keyLength);
      at = dataAt + round(size);
      if (at > end) return undefined;
      const key = this.#bytes.toString('utf16le', keyAt, keyAt + 2 * keyLength);
      const now = this.#doubles[(header + NOW) >> 1]!;
      const operation = this.#operation(kind, key, header, dataAt, size);
      operations.push({ operation, now });
    }
    return operations.length === count ? operations : undefined;
  }

  #operation(kind: number, key: string, header: number, at: number, size: number): WriteOperation {
    if ((kind & (TEXT - 1)) === DELETE) return { type: 'delete', keys: [key] };
    const isText = (kind & TEXT) !== 0;
    const value: IncomingValue = {
      encoding: this.#words[header + ENCODING]!,
      data: isText ? this.#bytes.toString('utf8', at, at + size) : this.#bytes.subarray(at, at + size),
      blob: null,
      checksum: this.#words[header + CHECKSUM]! >>> 0,
      size,
      mode: null,
    };
    const expires = this.#doubles[(header + EXPIRES) >> 1]!;
    return {
      type: 'set',
      key,
      value,
      expires: expires === Number.POSITIVE_INFINITY ? null : expires,
      onlyIfAbsent: (kind & (TEXT - 1)) === ADD,
    };
  }

  // Returns where the next operation goes; undefined when this one cannot be left.
  #write({ operation, now }: TimedOperation, at: number, end: number): number | undefined {
    const key = keyOf(operation);
    if (key === undefined) return undefined;
    const value = operation.type === 'set' ? operation.value : undefined;
    const size = value?.size ?? 0;
    const next = at + 4 * HEADER_WORDS + round(2 * key.length) + round(size);
    if (next > end) return undefined;
    const words = this.#words;
    const header = at >> 2;
    const isText = typeof value?.data === 'string';
    words[header + KIND] = kindOf(operation) + (isText ? TEXT : 0);
    words[header + KEY_LENGTH] = key.length;
    words[header + SIZE] = size;
    words[header + ENCODING] = value?.encoding ?? 0;
    words[header + CHECKSUM] = value?.checksum ?? 0;
    this.#doubles[(header + NOW) >> 1] = now;
    const expires = operation.type === 'set' ? operation.expires : null;
    this.#doubles[(header + EXPIRES) >> 1] = expires ?? Number.POSITIVE_INFINITY;
    const keyAt = at + 4 * HEADER_WORDS;
    this.#bytes.write(key, keyAt, 2 * key.length, 'utf16le');
    const dataAt = keyAt + round(2 * key.length);
    if (typeof value?.data === 'string') this.#bytes.write(value.data, dataAt, size, 'utf8');
    else if (value?.data) this.#bytes.set(value.data, dataAt);
    return next;
  }
}

function round(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** The key of an operation that can be left to others: of one key, with a value that is no file. */
function keyOf(operation: WriteOperation): string | undefined {
  if (operation.type === 'delete') return operation.keys.length === 1 ? operation.keys[0] : undefined;
  return operation.type === 'set' && operation.lease === undefined ? operation.key : undefined;
}

function kindOf(operation: WriteOperation): number {
  if (operation.type !== 'set') return DELETE;
  return operation.onlyIfAbsent ? ADD : SET;
}
