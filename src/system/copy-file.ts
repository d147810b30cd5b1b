// Copies of files. Node's own copyFile goes on for ever when a file ends before its size says: one of /proc or /sys, or
// one that is cut short meanwhile.
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

// Where blocks cannot be shared, by the source's device and the destination's directory.
const MAX_REMEMBERED = 1000;
const withoutCloning = new Set<string>();

/**
 * Copies what can be read of `source` to the new file `destination`; their blocks are shared where the file system can.
 * Rejects when `destination` exists.
 */
export async function copyFile(source: string, destination: string): Promise<void> {
  const { size, dev } = statSync(source);
  // What is empty on paper may have content all the same.
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

/** The same, at once. */
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
    // These say nothing about the file system. What is wrong is said by the copying that follows.
    if (code !== 'EEXIST' && code !== 'ENOENT' && code !== 'EACCES' && code !== 'EMFILE') {
      if (withoutCloning.size >= MAX_REMEMBERED) withoutCloning.clear();
      withoutCloning.add(place);
    }
    return false;
  }
}

// One part is written while the next is read.
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
