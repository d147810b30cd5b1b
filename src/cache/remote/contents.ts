// Contents of entries in transfer to and from the remote tier: hashed, and compressed where that makes them smaller.
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  rmSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import {
  createZstdCompress,
  createZstdDecompress,
  type ZstdOptions,
  constants as zlib,
  zstdCompress,
  zstdDecompress,
} from 'node:zlib';
import { RemoteFailure } from './failure.ts';
import type { BlobReference, RecordFile } from './record.ts';

/** Largest content in bytes that travels inside its record. */
export const MAX_INLINE = 8 * 1024;

/** Largest content in bytes that is handled in memory; larger ones go through files. */
export const MAX_IN_MEMORY = 4 * 1024 * 1024;

/** Compressed size must be at most this share of the content, or the content is sent as it is. */
const WORTH_IT = 0.9;

// Bounds the memory of both sides: a window of 8 MiB at most, also for contents that others compressed.
const MAX_WINDOW_LOG = 23;
const COMPRESS: ZstdOptions = {
  params: { [zlib.ZSTD_c_compressionLevel]: 3, [zlib.ZSTD_c_windowLog]: 21 },
};
const DECOMPRESS: ZstdOptions = { params: { [zlib.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } };

const compressBytes = promisify<Buffer | Uint8Array, ZstdOptions, Buffer>(zstdCompress);
const decompressBytes = promisify<Buffer | Uint8Array, ZstdOptions, Buffer>(zstdDecompress);

/** A content that is ready to be sent. */
export interface Packed {
  size: number;
  sha256: string;
  content: RecordFile['content'];
  /** The blob's bytes, anew with each call. Undefined when the content is inline. */
  body?: () => AsyncIterable<Uint8Array>;
}

/** Prepares bytes for sending. */
export async function packBytes(bytes: Uint8Array): Promise<Packed> {
  const size = bytes.byteLength;
  const sha256 = digestOf(bytes);
  if (size <= MAX_INLINE) {
    return { size, sha256, content: { inline: Buffer.from(bytes).toString('base64') } };
  }
  const compressed = await compressBytes(bytes, COMPRESS);
  const isSmaller = compressed.length <= size * WORTH_IT;
  const sent = isSmaller ? compressed : bytes;
  const blob: BlobReference = {
    sha256: isSmaller ? digestOf(sent) : sha256,
    size: sent.length,
    encoding: isSmaller ? 'zstd' : 'identity',
  };
  return { size, sha256, content: { blob }, body: () => parts(sent) };
}

/**
 * Prepares a file for sending. `scratch` names a file that may be created, for a large content that is compressed; the
 * caller removes it. Rejects when the file cannot be read, or has more than `maxSize` bytes.
 */
export async function packFile(file: string, scratch: string, maxSize: number): Promise<Packed> {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  let isSmall: boolean;
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Error(`${file} is not a file`);
    if (stat.size > maxSize) throw new Error(`${file} has ${stat.size} bytes, where ${maxSize} are allowed`);
    isSmall = stat.size <= MAX_IN_MEMORY;
  } finally {
    closeSync(descriptor);
  }
  if (isSmall) {
    const bytes = await readWhole(file);
    // The file has grown: it is handled as a large one.
    if (bytes) return packBytes(bytes);
  }
  const before = new Digest();
  const after = new Digest();
  await pipeline(
    createReadStream(file),
    before.passing(),
    createZstdCompress(COMPRESS),
    after.passing(),
    createWriteStream(scratch, { flags: 'wx', mode: 0o600 }),
  );
  const { size, sha256 } = before.end();
  const packed = after.end();
  if (packed.size <= size * WORTH_IT) {
    return {
      ...{ size, sha256, content: { blob: { ...packed, encoding: 'zstd' } } },
      body: () => createReadStream(scratch),
    };
  }
  rmSync(scratch, { force: true });
  return {
    ...{ size, sha256, content: { blob: { size, sha256, encoding: 'identity' } } },
    // A file that was changed meanwhile has another length or another hash, and every reader notices both.
    body: () => createReadStream(file),
  };
}

/** The content in a downloaded blob. @throws RemoteFailure when it does not match the record */
export async function unpackBytes(blob: Uint8Array, file: RecordFile): Promise<Buffer> {
  const content = await decoded(blob, file);
  if (content?.length !== file.size || digestOf(content) !== file.sha256) throw wrong(file);
  return content;
}

/**
 * Writes the content of the blob in the file `blob` to the new file `destination`.
 *
 * @throws RemoteFailure when it does not match the record
 */
export async function unpackFile(blob: string, destination: string, file: RecordFile): Promise<void> {
  const digest = new Digest(file.size);
  try {
    await pipeline(
      createReadStream(blob),
      createZstdDecompress(DECOMPRESS),
      digest.passing(),
      createWriteStream(destination, { flags: 'wx', mode: 0o600 }),
    );
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw code.startsWith('ZSTD_') || code.startsWith('Z_') || error instanceof TooLongError
      ? wrong(file)
      : error;
  }
  const { size, sha256 } = digest.end();
  if (size !== file.size || sha256 !== file.sha256) throw wrong(file);
}

/** The content inside the record itself. @throws RemoteFailure when it does not match the record */
export function unpackInline(inline: string, file: RecordFile): Buffer {
  const content = Buffer.from(inline, 'base64');
  if (content.length !== file.size || digestOf(content) !== file.sha256) throw wrong(file);
  return content;
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A digest of a stream and its length, computed while it passes. */
export class Digest {
  readonly #hash = createHash('sha256');
  readonly #maxBytes: number;
  #size = 0;

  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
  }

  add(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (this.#size > this.#maxBytes) throw new TooLongError();
    this.#hash.update(bytes);
  }

  passing(): (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
    const add = this.add.bind(this);
    return async function* (source) {
      for await (const bytes of source) {
        add(bytes);
        yield bytes;
      }
    };
  }

  end(): { size: number; sha256: string } {
    return { size: this.#size, sha256: this.#hash.digest('hex') };
  }
}

class TooLongError extends Error {}

async function decoded(blob: Uint8Array, { size, content }: RecordFile): Promise<Buffer | undefined> {
  if ('inline' in content || content.blob.encoding === 'identity') {
    return Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  }
  try {
    return await decompressBytes(blob, { ...DECOMPRESS, maxOutputLength: Math.max(1, size) });
  } catch {
    return undefined;
  }
}

function wrong({ name }: RecordFile): RemoteFailure {
  return new RemoteFailure('content', `the content of ${JSON.stringify(name)} is not what its record says`);
}

/** The content of a file, or undefined when it is too large for memory. */
async function readWhole(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min((await handle.stat()).size, MAX_IN_MEMORY) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

async function* parts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
