// Values and files on their way into a store.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { LARGEST_VALUE, UncloneableValueError, ValueTooLargeError } from '../../errors.ts';
import { regularFile } from '../arguments.ts';
import type { IncomingValue } from '../operations.ts';
import { BLOB_THRESHOLD, type BlobFiles, type TemporaryCopy } from '../storage/blobs.ts';
import { checksum, copyOf, type Encoded, Encoding, encode } from '../values/codec.ts';

/** A value to be stored: ready, or still to be written to a temporary file (where the store keeps blobs). */
export type PendingValue =
  | IncomingValue
  | {
      prepare: (blobs: BlobFiles | undefined) => Promise<IncomingValue>;
      /** As `prepare`, at once, for a write that no later one may overtake. */
      prepareNow: (blobs: BlobFiles | undefined) => IncomingValue;
    };

export function isReady(value: PendingValue): value is IncomingValue {
  return !('prepare' in value);
}

/**
 * Encodes at the call: later changes that the caller makes to the value do not matter. Throws UncloneableValueError.
 */
export function encodePending(key: string, value: unknown, encoded = encode(value)): PendingValue {
  const { encoding, data } = encoded;
  const size = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
  // A copy where the caller shares the memory: an operation is sent later than it is made.
  const kept = data === value && typeof data !== 'string' ? copyOf(data) : data;
  return size <= BLOB_THRESHOLD
    ? inlineValue(key, encoding, kept, size, null)
    : largeValue(key, encoding, kept, size);
}

/** Encodes one of several values: UncloneableValueError names its key. */
export function encodeOneOf(key: string, value: unknown): Encoded {
  try {
    return encode(value);
  } catch (error) {
    throw error instanceof UncloneableValueError
      ? new UncloneableValueError(error.path, error.what, key)
      : error;
  }
}

function largeValue(key: string, encoding: number, kept: string | Uint8Array, size: number): PendingValue {
  const bytes = () => (typeof kept === 'string' ? Buffer.from(kept) : kept);
  const inline = () => inlineValue(key, encoding, kept, size, null);
  const inFile = ({ temporary, hash }: { temporary: string; hash: string }) =>
    blobValue(key, encoding, { temporary, hash, size, mode: null });
  return {
    prepare: async blobs => (blobs ? inFile(await blobs.writeTemporary(bytes())) : inline()),
    prepareNow: blobs => (blobs ? inFile(blobs.writeTemporaryNow(bytes())) : inline()),
  };
}

function inlineValue(
  key: string,
  encoding: number,
  data: string | Uint8Array,
  size: number,
  mode: number | null,
): IncomingValue {
  const value: IncomingValue = { encoding, data, blob: null, checksum: 0, size, mode };
  value.checksum = checksum(key, value);
  return value;
}

function blobValue(
  key: string,
  encoding: number,
  { temporary, hash, size, mode }: Omit<TemporaryCopy, 'mode'> & { mode: number | null },
): IncomingValue {
  const value: IncomingValue = { encoding, data: null, blob: hash, checksum: 0, size, mode, temporary };
  value.checksum = checksum(key, value);
  return value;
}

/** A file to be stored. Throws InvalidArgumentError for a file that cannot be read. */
export function pendingFile(key: string, path: string): PendingValue {
  const { file, mode: permissions, size: bytes } = regularFile(path);
  const encoding = Encoding.file;
  const assertSize = () => {
    if (bytes <= LARGEST_VALUE) return;
    throw new ValueTooLargeError(
      file,
      bytes,
      "The memory backend does not store larger values; use 'sqlite'.",
    );
  };
  const inline = (data: Buffer) => inlineValue(key, encoding, data, data.byteLength, permissions);
  const inFile = (copy: TemporaryCopy) => blobValue(key, encoding, copy);
  return {
    prepare: async blobs => {
      if (blobs) return inFile(await blobs.copyToTemporary(file));
      assertSize();
      return inline(await readFile(file));
    },
    prepareNow: blobs => {
      if (blobs) return inFile(blobs.copyToTemporaryNow(file));
      assertSize();
      return inline(readFileSync(file));
    },
  };
}
