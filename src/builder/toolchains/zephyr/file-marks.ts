// File marks: identify a file's state, on this machine without reading it, and elsewhere by its content.
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, statSync } from 'node:fs';

/** Milliseconds. The kernel stamps files by a clock that lags behind `Date.now()` by up to one tick. */
const CLOCK_TICK_MS = 10;

/** The state of a file. Plain data. */
export interface FileMark {
  /** Changes with every change of the file on this machine; empty if the file is missing. */
  stamp: string;
  sha256: string;
}

/** The marks by file. */
export type FileMarks = Record<string, FileMark>;

/**
 * The marks of files in their present state. An unreadable file counts as missing.
 *
 * @param known earlier marks: files that have not changed since are not read again
 */
export function markFiles(files: readonly string[], known: FileMarks = {}): FileMarks {
  const marks = [...files].sort().map((file): [string, FileMark] => {
    const stamp = stampOf(file);
    return [file, known[file]?.stamp === stamp ? known[file] : { stamp, sha256: digestOf(file) }];
  });
  return Object.fromEntries(marks);
}

/** Whether the contents of the files are the same. */
export function areSame(marks: FileMarks): boolean {
  return Object.entries(marks).every(
    ([file, { stamp, sha256 }]) => stampOf(file) === stamp || digestOf(file) === sha256,
  );
}

/** Whether a file or directory may have changed since a time in milliseconds since the epoch. */
export function changedSince(file: string, moment: number): boolean {
  try {
    return Math.max(lstatSync(file).ctimeMs, statSync(file).ctimeMs) >= moment - CLOCK_TICK_MS;
  } catch {
    // When it is created, the directory above it changes, and it gets another mark.
    return false;
  }
}

function stampOf(file: string): string {
  try {
    const { dev, ino, size, ctimeNs } = statSync(file, { bigint: true });
    return `${dev}:${ino}:${size}:${ctimeNs}`;
  } catch {
    return '';
  }
}

function digestOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return '';
  }
}
