// Codec: values to bytes and back. Bytes are only ever read as data: nothing that is stored can run.
import { isArrayBuffer, isDataView, isUint8Array } from 'node:util/types';
import { Deserializer, Serializer } from 'node:v8';
import { crc32 } from 'node:zlib';
import { LARGEST_VALUE, UncloneableValueError, ValueTooLargeError } from '../../errors.ts';
import type { FoundValue, StoredValue } from '../operations.ts';
import { inspectValue } from './uncloneable.ts';
import { assertBoundedArrays } from './v8-format.ts';

/** The forms of `data`. Stored in databases: a number never gets a new meaning. */
export const Encoding = { structured: 0, text: 1, buffer: 2, uint8Array: 3, file: 4 } as const;
export type Encoding = (typeof Encoding)[keyof typeof Encoding];

export interface Encoded {
  encoding: Encoding;
  data: string | Uint8Array;
}

/**
 * Encodes any value that structured cloning takes; throws {@link UncloneableValueError} for others, and
 * {@link ValueTooLargeError} at once for those that have too many bytes.
 */
export function encode(value: unknown): Encoded {
  const encoded = encodeAny(value);
  assertSize(encoded.data.length);
  return encoded;
}

function encodeAny(value: unknown): Encoded {
  // Strings and bytes are most of what is cached: they are stored raw, which skips the serializer both ways.
  if (typeof value === 'string' && value.isWellFormed()) return { encoding: Encoding.text, data: value };
  if (Buffer.isBuffer(value) && isArrayBuffer(value.buffer)) {
    return { encoding: Encoding.buffer, data: value };
  }
  if (isUint8Array(value) && !Buffer.isBuffer(value) && isPlainView(value)) {
    return { encoding: Encoding.uint8Array, data: value };
  }
  const { uncloneable: found, bytes } = inspectValue(value);
  if (found) throw new UncloneableValueError(found.path, found.what);
  assertSize(bytes);
  const serializer = new ValueSerializer();
  serializer.writeHeader();
  try {
    serializer.writeValue(value);
    const data = serializer.releaseBuffer();
    // A value that could not be read again is not stored.
    assertBoundedArrays(data);
    return { encoding: Encoding.structured, data };
  } catch (error) {
    throw new UncloneableValueError('$', `a value that the serializer refuses (${(error as Error).message})`);
  }
}

function assertSize(bytes: number): void {
  if (bytes <= LARGEST_VALUE) return;
  throw new ValueTooLargeError('The value', bytes, 'Write it to a file and store that with putFile().');
}

/**
 * The value that was encoded. Throws when the bytes are invalid.
 *
 * @param isOwned whether `data` is shared with nothing else: then it may become the value, instead of a copy of it
 */
export function decode(encoding: number, data: string | Uint8Array, isOwned = false): unknown {
  if (encoding === Encoding.text) return typeof data === 'string' ? data : Buffer.from(data).toString();
  const bytes = data as Uint8Array;
  if (encoding === Encoding.structured) {
    assertBoundedArrays(bytes);
    const deserializer = new ValueDeserializer(bytes);
    deserializer.readHeader();
    return deserializer.readValue();
  }
  if (encoding === Encoding.buffer || encoding === Encoding.file) {
    return isOwned && Buffer.isBuffer(bytes) ? bytes : copyOf(bytes);
  }
  if (encoding === Encoding.uint8Array) {
    const isWhole = bytes.byteLength === bytes.buffer.byteLength;
    return isOwned && isWhole ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
  }
  throw new Error(`Unknown encoding ${encoding}.`);
}

/** A copy of the bytes. It is taken from Node's pool as by `Buffer.from`, and somewhat faster. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

/** The value that reads will return for the encoded one: itself, unless cloning changes it. */
export function asRead(value: unknown, { encoding, data }: Encoded = encode(value)): unknown {
  if (encoding === Encoding.text) return value;
  const prototype: unknown = Object.getPrototypeOf(value ?? Object.prototype);
  const isSame = encoding !== Encoding.structured && BYTES.includes(prototype);
  return isSame || typeof value !== 'object' ? value : decode(encoding, data);
}

const BYTES: readonly unknown[] = [Buffer.prototype, Uint8Array.prototype];

/**
 * Ties the stored bytes (of a blob: its hash) to the key and the encoding, so that neither a flipped bit, nor a value
 * under a wrong key, nor bytes in place of text are ever returned.
 */
export function checksum(
  key: string,
  { encoding, data, blob, mode }: Pick<StoredValue, 'encoding' | 'data' | 'blob' | 'mode'>,
): number {
  const kind = (encoding & 0xff) | ((mode === null ? 0 : mode + 1) << 8);
  return crc32(data ?? blob ?? '', crc32(key, kind >>> 0));
}

/**
 * The checksum that is stored with an entry: its value's, combined with the expiry time, so that a flipped bit there
 * cannot revive an expired entry. Applied again with the same time it returns the value's own: a `touch` does not need
 * the value.
 */
export function withExpiry(sum: number, expires: number | null): number {
  if (expires === null) return sum;
  // Mixed, not another CRC: flipped bits in both places must not cancel out (the steps are those of MurmurHash3).
  let mixed = Math.imul(expires ^ Math.imul(Math.floor(expires / 2 ** 32) + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (sum ^ mixed ^ (mixed >>> 16)) >>> 0;
}

function isPlainView(view: Uint8Array): boolean {
  const buffer = view.buffer;
  return isArrayBuffer(buffer) && !buffer.resizable && view.byteLength === buffer.byteLength;
}

// V8's serializer with a delegate for every view. Node's own subclass would create typed arrays over a shared buffer,
// and V8 alone would turn a Buffer into a Uint8Array that carries the whole pool it was taken from.
const Float16 = (globalThis as { Float16Array?: unknown }).Float16Array as Uint16ArrayConstructor | undefined;
const VIEWS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  // Not in every supported Node: there, an entry that has one is a miss.
  ...(Float16 ? [Float16] : []),
] as const;
const BUFFER = 255;

// By its internal slot, whatever its realm and subclass; undefined for other values.
const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const typedArrayKind = Object.getOwnPropertyDescriptor(TypedArray, Symbol.toStringTag)!.get!;

function kindOf(view: object): string | undefined {
  return isDataView(view) ? 'DataView' : (typedArrayKind.call(view) as string | undefined);
}

interface HostSerializer extends Serializer {
  _setTreatArrayBufferViewsAsHostObjects(flag: boolean): void;
}

class ValueSerializer extends Serializer {
  constructor() {
    super();
    (this as unknown as HostSerializer)._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _writeHostObject(view: ArrayBufferView): void {
    if (Buffer.isBuffer(view)) {
      this.writeUint32(BUFFER);
      this.writeUint32(view.byteLength);
      this.writeRawBytes(view);
      return;
    }
    const kind = kindOf(view);
    const index = VIEWS.findIndex(type => type.name === kind);
    if (index < 0) throw new Error(`an object of the unsupported kind ${kind}`);
    this.writeUint32(index);
    this.writeUint32(view.byteOffset);
    this.writeUint32(view.byteLength);
    this.writeValue(view.buffer);
  }

  _getDataCloneError(message: string): Error {
    return new Error(message);
  }
}

class ValueDeserializer extends Deserializer {
  _readHostObject(): ArrayBufferView {
    const index = this.readUint32();
    if (index === BUFFER) return Buffer.from(this.readRawBytes(this.readUint32()));
    const View = VIEWS[index];
    if (!View) throw new Error(`Unknown view ${index}.`);
    const byteOffset = this.readUint32();
    const byteLength = this.readUint32();
    const buffer: unknown = this.readValue();
    if (!isArrayBuffer(buffer)) throw new Error('A view without a buffer.');
    const width = 'BYTES_PER_ELEMENT' in View ? View.BYTES_PER_ELEMENT : 1;
    return new (View as Uint8ArrayConstructor)(buffer, byteOffset, byteLength / width);
  }
}

/** A stored value in the form that reads find. */
export function foundOf(
  { encoding, data, blob, checksum, size, mode }: StoredValue,
  expires: number | null,
): FoundValue {
  return { encoding, data, blob, checksum: withExpiry(checksum, expires), size, mode, expires };
}
