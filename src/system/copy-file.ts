// File copies that end. Node's own copyFile loops for ever when a file is shorter than its size says, as in /proc
// and /sys, or when it is truncated meanwhile.
import {
  closeSync,
  constants,
  copyFileSync,
  openSync,
  read,
  readFileSync,
  readSync,
  statSync,
  write,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { SMALL_FILE_BYTES } from './hash-file.ts';

const readSome = promisify(read);
const writeSome = promisify(write);

// Pairs of source device and destination directory between which blocks cannot be shared.
const MAX_REMEMBERED = 1000;
const withoutCloning = new Set<string>();

/**
 * Copies the readable content of `source` to the new file `destination`. Blocks are shared where the file system
 * supports it. Rejects when `destination` exists.
 */
export async function copyFile(source: string, destination: string): Promise<void> {
  const { size, dev } = statSync(source);
  // Files in /proc have content though their size is 0.
  if (size > 0 && cloneFile(source, destination, dev)) return;
  const from = openSync(source, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const to = openSync(destination, 'wx', 0o600);
    try {
      if (size <= SMALL_FILE_BYTES) writeFileSync(to, readFileSync(from));
      else await copyReadingAhead(from, to);
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

/** The synchronous form of {@link copyFile}. */
export function copyFileNow(source: string, destination: string): void {
  const { size, dev } = statSync(source);
  if (size > 0 && cloneFile(source, destination, dev)) return;
  const from = openSync(source, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const to = openSync(destination, 'wx', 0o600);
    try {
      const buffer = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);
      for (let length = readSync(from, buffer); length > 0; length = readSync(from, buffer)) {
        writeFileSync(to, buffer.subarray(0, length));
      }
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function cloneFile(source: string, destination: string, device: number): boolean {
  const place = `${device} ${dirname(destination)}`;
  if (withoutCloning.has(place)) return false;
  try {
    copyFileSync(source, destination, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // These codes say nothing about the file system. The copy that follows reports the error.
    if (code !== 'EEXIST' && code !== 'ENOENT' && code !== 'EACCES' && code !== 'EMFILE') {
      if (withoutCloning.size >= MAX_REMEMBERED) withoutCloning.clear();
      withoutCloning.add(place);
    }
    return false;
  }
}

// Writes one chunk while the next is being read.
async function copyReadingAhead(from: number, to: number): Promise<void> {
  let ready = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);
  let spare = Buffer.allocUnsafeSlow(SMALL_FILE_BYTES);
  const fill = (into: Buffer) => readSome(from, into, 0, SMALL_FILE_BYTES, null);
  let length = (await fill(ready)).bytesRead;
  while (length > 0) {
    const [next] = await Promise.all([fill(spare), writeAll(to, ready.subarray(0, length))]);
    [ready, spare] = [spare, ready];
    length = next.bytesRead;
  }
}

async function writeAll(to: number, bytes: Buffer): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += (await writeSome(to, bytes, written)).bytesWritten;
}
