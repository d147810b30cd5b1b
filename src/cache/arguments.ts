// What callers may pass besides keys and times: the same mistakes are the same errors in every backend.
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError } from './errors.ts';

/**
 * The absolute path and the permission bits of a readable regular file; throws InvalidArgumentError for any other.
 * Synchronous, so that the operation keeps its place among the thread's writes.
 */
export function regularFile(path: string): { file: string; mode: number } {
  const file = resolve(path);
  let source: Stats;
  try {
    source = statSync(file);
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new InvalidArgumentError(`putFile() cannot read ${file}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (!source.isFile()) throw new InvalidArgumentError(`putFile() takes a regular file; ${file} is none.`);
  return { file, mode: source.mode & 0o777 };
}

/** Throws InvalidArgumentError unless `by` is a number that increment() can add. */
export function assertIncrement(by: number): void {
  if (typeof by !== 'number' || !Number.isFinite(by)) {
    throw new InvalidArgumentError(`increment() adds a finite number; got ${String(by)}.`);
  }
}
