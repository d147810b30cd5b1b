// By what a file is known again: on this machine without reading it, and elsewhere by its content.
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, statSync } from 'node:fs';

/** Milliseconds. The kernel stamps files by a clock that lags behind `Date.now()` by up to one tick. */
const CLOCK_TICK_MS = 10;

/** A file as it was. Plain data. */
export interface FileMark {
  /** What every change of it on this machine changes; empty when it was not there. */
  stamp: string;
  sha256: string;
}

/** By file. */
export type FileMarks = Record<string, FileMark>;

/**
 * The marks of files, as they are now. Files that cannot be read are as if they were not there.
 *
 * @param known marks of before: what has not changed since is not read again
 */
export function markFiles(files: readonly string[], known: FileMarks = {}): FileMarks {
  const marks = [...files].sort().map((file): [string, FileMark] => {
    const stamp = stampOf(file);
    return [file, known[file]?.stamp === stamp ? known[file] : { stamp, sha256: digestOf(file) }];
  });
  return Object.fromEntries(marks);
}

/** Whether files are what they were, as far as their content goes. */
export function areSame(marks: FileMarks): boolean {
  return Object.entries(marks).every(
    ([file, { stamp, sha256 }]) => stampOf(file) === stamp || digestOf(file) === sha256,
  );
}

/** Whether a file or directory may have changed since a moment, in milliseconds since the epoch. */
export function changedSince(file: string, moment: number): boolean {
  try {
    return Math.max(lstatSync(file).ctimeMs, statSync(file).ctimeMs) >= moment - CLOCK_TICK_MS;
  } catch {
    // When it comes into being, what is above it changes, and it has another mark.
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
