// SHA-256 of files and bytes.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, read, readSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { withOpenFile } from './open-files.ts';
import { setImmediate } from './time.ts';

/**
 * Files up to this size are read and copied synchronously. Handing each step to the thread pool takes several times
 * as long, and the event loop does not notice the delay.
 */
export const SMALL_FILE_BYTES = 1024 * 1024;

const CHUNK_BYTES = 256 * 1024;
// About 20 ms of hashing.
const STEP = 16 * 1024 * 1024;
const readAhead = promisify(read);

// Used only between two awaits, so one buffer serves all calls.
let buffer: Buffer | undefined;

/** The SHA-256 of a file's content in hexadecimal. Does not wait for a pipe without a writer. */
export function hashFile(path: string): Promise<string> {
  return withOpenFile(async () => {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return await hashOpenFile(descriptor, fstatSync(descriptor).size);
    } finally {
      closeSync(descriptor);
    }
  });
}

/** The synchronous form of {@link hashFile}, for callers that must not yield. */
export function hashFileSync(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const hash = createHash('sha256');
    addNow(hash, descriptor);
    return hash.digest('hex');
  } finally {
    closeSync(descriptor);
  }
}

/** The SHA-256 of the rest of an open file of about `size` bytes. The caller closes it. */
export async function hashOpenFile(descriptor: number, size: number): Promise<string> {
  const hash = createHash('sha256');
  if (size > SMALL_FILE_BYTES) await addReadingAhead(hash, descriptor);
  else addNow(hash, descriptor);
  return hash.digest('hex');
}

/**
 * Copies the rest of an open file to the new file `destination`, and returns the SHA-256 of the bytes that were written.
 * Allocates no memory for the content. Throws if `destination` exists.
 */
export function copyAndHashNow(descriptor: number, destination: string): string {
  const hash = createHash('sha256');
  const to = openSync(destination, 'wx', 0o600);
  try {
    for (let chunk = nextChunk(descriptor); chunk.byteLength > 0; chunk = nextChunk(descriptor)) {
      hash.update(chunk);
      writeFileSync(to, chunk);
    }
  } finally {
    closeSync(to);
  }
  return hash.digest('hex');
}

/** The SHA-256 of bytes, which must not change meanwhile. Yields to the event loop between chunks. */
export async function hashBytes(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let from = 0; from < bytes.byteLength || from === 0; from += STEP) {
    if (from > 0) await new Promise(setImmediate);
    hash.update(bytes.subarray(from, from + STEP));
  }
  return hash.digest('hex');
}

function addNow(hash: Hash, descriptor: number): void {
  for (let chunk = nextChunk(descriptor); chunk.byteLength > 0; chunk = nextChunk(descriptor))
    hash.update(chunk);
}

// Valid until the next call. Empty at the end of the file.
function nextChunk(descriptor: number): Buffer {
  buffer ??= Buffer.allocUnsafeSlow(CHUNK_BYTES);
  return buffer.subarray(0, readSync(descriptor, buffer, 0, CHUNK_BYTES, null));
}

// Hashes one chunk while the next is being read.
async function addReadingAhead(hash: Hash, descriptor: number): Promise<void> {
  let ready = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);
  let spare = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);
  const fill = (into: Buffer) => readAhead(descriptor, into, 0, SMALL_FILE_BYTES, null);
  let length = (await fill(ready)).bytesRead;
  while (length > 0) {
    const next = fill(spare);
    hash.update(ready.subarray(0, length));
    [ready, spare] = [spare, ready];
    length = (await next).bytesRead;
  }
}
