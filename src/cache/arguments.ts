// What callers may pass besides keys and times: the same mistakes are the same errors in every backend.
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { InvalidArgumentError } from './errors.ts';

/**
 * The absolute path and the permission bits of a readable regular file; throws InvalidArgumentError for any other.
 * Synchronous, so that the operation keeps its place among the thread's writes.
 */
export function regularFile(path: string): { file: string; mode: number } {
  const file = absolute(path, 'putFile');
  let source: Stats;
  try {
    source = statSync(file);
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new InvalidArgumentError(`putFile() cannot read ${file}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (!source.isFile()) {
    throw new InvalidArgumentError(`putFile() takes a regular file; ${file} is ${kindOf(source)}.`);
  }
  return { file, mode: source.mode & 0o777 };
}

/**
 * The absolute path of a file that getFile() may replace; throws InvalidArgumentError for what is there and no file, or a
 * link to such. Replacing needs no permission to write to what is there: root would put a file in the place of a device.
 */
export function replaceableFile(path: string): string {
  const file = absolute(path, 'getFile');
  let there: Stats | undefined;
  try {
    there = statSync(file, { throwIfNoEntry: false });
  } catch {
    // Why it cannot be seen is said when it is written.
  }
  if (there && !there.isFile()) {
    throw new InvalidArgumentError(
      `getFile() replaces regular files only; ${file} is ${kindOf(there)}. Name another path, or write what get() gives there.`,
    );
  }
  return file;
}

function absolute(path: unknown, operation: string): string {
  if (typeof path === 'string') return resolve(path);
  throw new InvalidArgumentError(
    `${operation}() takes a path as a string; got ${inspect(path, { depth: 0 })}.`,
  );
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/** Throws InvalidArgumentError unless `by` is a number that increment() can add. */
export function assertIncrement(by: number): void {
  if (typeof by !== 'number' || !Number.isFinite(by)) {
    throw new InvalidArgumentError(`increment() adds a finite number; got ${String(by)}.`);
  }
}
