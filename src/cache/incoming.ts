// Values and files on their way into a store.
import { readFile } from 'node:fs/promises';
import { regularFile } from './arguments.ts';
import { BLOB_THRESHOLD, type BlobFiles } from './blobs.ts';
import { checksum, Encoding, encode } from './codec.ts';
import { LARGEST_VALUE, ValueTooLargeError } from './errors.ts';
import type { IncomingValue } from './store.ts';

/** A value on its way: ready, or still to be made a temporary file (where the store keeps blobs). */
export type Incoming = IncomingValue | { prepare: (blobs: BlobFiles | undefined) => Promise<IncomingValue> };

export function isReady(value: Incoming): value is IncomingValue {
  return !('prepare' in value);
}

/** Encodes at the call: what the caller does to the value afterwards does not matter. Throws UncloneableValueError. */
export function encodeIncoming(key: string, value: unknown, encoded = encode(value)): Incoming {
  const { encoding, data } = encoded;
  const size = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
  const inline = (kept: string | Uint8Array): IncomingValue =>
    summed(key, { encoding, data: kept, blob: null, size, mode: null });
  // A copy where the caller has the same memory: an operation is sent later than it is made.
  const kept = data === value && typeof data !== 'string' ? Buffer.from(data) : data;
  if (size <= BLOB_THRESHOLD) return inline(kept);
  return {
    prepare: async blobs => {
      if (!blobs) return inline(kept);
      const bytes = typeof kept === 'string' ? Buffer.from(kept) : kept;
      const { temporary, hash } = await blobs.writeTemporary(bytes);
      return summed(key, { encoding, data: null, blob: hash, size, mode: null, temporary });
    },
  };
}

function summed(key: string, value: Omit<IncomingValue, 'checksum'>): IncomingValue {
  return { ...value, checksum: checksum(key, value) };
}

/** A file to be stored. Throws InvalidArgumentError for what cannot be read. */
export function incomingFile(key: string, path: string): Incoming {
  const { file, mode: permissions, size: bytes } = regularFile(path);
  return {
    prepare: async blobs => {
      const encoding = Encoding.file;
      if (!blobs) {
        if (bytes > LARGEST_VALUE) {
          throw new ValueTooLargeError(file, bytes, "The memory backend keeps no larger ones; use 'sqlite'.");
        }
        const data = await readFile(file);
        const size = data.byteLength;
        return summed(key, { encoding, data, blob: null, size, mode: permissions });
      }
      const { temporary, hash, size, mode } = await blobs.copyToTemporary(file);
      return summed(key, { encoding, data: null, blob: hash, size, mode, temporary });
    },
  };
}
