// Atomic file writes. A file appears at its destination whole, in one rename, and temporary files of dead processes
// are removed.
import { chmodSync, renameSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeStale, temporaryName } from './stale-files.ts';
import { performance } from './time.ts';

const PREFIX = '.glovebox-';
const SUFFIX = '.tmp';
const TEMPORARY = /^\.glovebox-(\d{1,10}-[0-9a-f]{8}-[0-9a-f-]{36})\.tmp$/;

// Cleanup is throttled per directory: writing a thousand files must not list the directory a thousand times.
const CHECK_INTERVAL_MS = 60_000;
const MAX_REMEMBERED = 1000;
const checkedAt = new Map<string, number>();

/**
 * Calls `write` with a temporary path beside `destination`. When it resolves to true, renames that file to
 * `destination` with `mode`.
 */
export async function writeAtomically(
  destination: string,
  mode: number,
  write: (temporary: string) => Promise<boolean>,
): Promise<boolean> {
  const temporary = await temporaryPath(dirname(destination));
  let isThere = false;
  try {
    if (!(await write(temporary))) return false;
    chmodSync(temporary, mode);
    renameSync(temporary, destination);
    isThere = true;
  } finally {
    if (!isThere) await rm(temporary, { force: true });
  }
  return true;
}

/** A new temporary file name in `directory`. Also removes temporary files that dead processes left there. */
export async function temporaryPath(directory: string): Promise<string> {
  await removeStaleFiles(directory);
  return join(directory, temporaryName(PREFIX, SUFFIX));
}

/** Writes bytes to `destination` in one step. */
export function writeBytesAtomically(
  destination: string,
  data: string | Uint8Array,
  mode: number,
): Promise<boolean> {
  return writeAtomically(destination, mode, async temporary => {
    await writeFile(temporary, data, { flag: 'wx' });
    return true;
  });
}

// Never rejects: the write that follows reports what is wrong with the directory.
async function removeStaleFiles(directory: string): Promise<void> {
  const now = performance.now();
  if (now - (checkedAt.get(directory) ?? Number.NEGATIVE_INFINITY) < CHECK_INTERVAL_MS) return;
  if (checkedAt.size >= MAX_REMEMBERED) checkedAt.clear();
  checkedAt.set(directory, now);
  await removeStale(directory, { kind: 'file', pattern: TEMPORARY });
}
