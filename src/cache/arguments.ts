// Checks of the callers' arguments besides keys and times: the same mistakes are the same errors in every backend.
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { InvalidArgumentError } from '../errors.ts';
import { assertKey } from './keys.ts';

/**
 * The absolute path and the permission bits of a readable regular file; throws InvalidArgumentError for any other.
 * Synchronous, so that the operation keeps its place among the thread's writes.
 */
export function regularFile(path: string): { file: string; mode: number; size: number } {
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
    throw new InvalidArgumentError(`putFile() needs a regular file; ${file} is ${kindOf(source)}.`);
  }
  return { file, mode: source.mode & 0o777, size: source.size };
}

/**
 * The absolute path of a file that getFile() may replace; throws InvalidArgumentError for something that is neither a
 * regular file nor a link to one. Replacing needs no write permission for the old file: root would replace a device by
 * a file.
 */
export function replaceableFile(path: string): string {
  const file = absolute(path, 'getFile');
  let there: Stats | undefined;
  try {
    there = statSync(file, { throwIfNoEntry: false });
  } catch {
    // The write reports why the file cannot be inspected.
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
  throw new InvalidArgumentError(`The path for ${operation}() must be a string; got ${show(path)}.`);
}

/** Names the kind of an entry that is not a regular file, such as `a directory`. */
export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

// The options that operations take, besides those of the cache.
const OPTIONS = {
  set: ['ttl'],
  setSync: ['ttl'],
  setMany: ['ttl'],
  add: ['ttl'],
  putFile: ['ttl'],
  getOrSet: ['ttl', 'wait', 'signal', 'onWait'],
  getFile: ['sha256'],
  keys: ['prefix'],
  entries: ['prefix'],
  check: ['repair'],
} as const;

const CHECKS: Record<string, { is: string; check: (value: unknown) => boolean }> = {
  signal: { is: 'an AbortSignal', check: value => value instanceof AbortSignal },
  onWait: { is: 'a function', check: value => typeof value === 'function' },
  sha256: {
    is: 'a SHA-256 in 64 hexadecimal digits',
    check: value => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value),
  },
  prefix: { is: 'a string', check: value => typeof value === 'string' },
  repair: { is: 'true or false', check: value => typeof value === 'boolean' },
};

/** Throws InvalidArgumentError for options that the operation does not have. Times are checked where they are read. */
export function assertOptions(operation: keyof typeof OPTIONS, options: object | undefined): void {
  if (options === undefined) return;
  const names: readonly string[] = OPTIONS[operation];
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(
      `The options of ${operation}() must be an object with ${names.join(', ')}; got ${show(options)}.`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      throw new InvalidArgumentError(
        `${operation}() has no option ${show(name)}; it has ${names.join(', ')}.`,
      );
    }
    const rule = CHECKS[name];
    if (rule && value !== undefined && !rule.check(value)) {
      throw new InvalidArgumentError(
        `The option ${name} of ${operation}() must be ${rule.is}; got ${show(value)}.`,
      );
    }
  }
}

/** The keys, checked. A string is refused: as an iterable it would be its characters. */
export function keyList(operation: string, keys: Iterable<string>): string[] {
  if (typeof keys === 'string' || typeof (keys as Partial<typeof keys>)?.[Symbol.iterator] !== 'function') {
    throw new InvalidArgumentError(`The keys for ${operation}() must be a list; got ${show(keys)}.`);
  }
  const list = [...keys];
  list.forEach(assertKey);
  return list;
}

/** The pairs of key and value, one after the other; their keys checked. */
export function* pairsOf(
  entries: Iterable<readonly [string, unknown]>,
): Generator<readonly [string, unknown]> {
  if (
    typeof entries === 'string' ||
    typeof (entries as Partial<typeof entries>)?.[Symbol.iterator] !== 'function'
  ) {
    throw new InvalidArgumentError(
      `The entries for setMany() must be a list of [key, value] or a Map; got ${show(entries)}. Object.entries() makes one of an object.`,
    );
  }
  for (const pair of entries) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new InvalidArgumentError(
        `Each entry for setMany() must be a pair of key and value; got ${show(pair)}.`,
      );
    }
    assertKey(pair[0]);
    yield pair as unknown as readonly [string, unknown];
  }
}

/** Throws InvalidArgumentError unless `produce` can be called. */
export function assertProducer(produce: unknown): void {
  if (typeof produce === 'function') return;
  throw new InvalidArgumentError(`The producer for getOrSet() must be a function; got ${show(produce)}.`);
}

/** The value as messages show it. */
export function show(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Throws InvalidArgumentError unless `by` is a number that increment() can add. */
export function assertIncrement(by: number): void {
  if (typeof by !== 'number' || !Number.isFinite(by)) {
    throw new InvalidArgumentError(`The amount for increment() must be a finite number; got ${show(by)}.`);
  }
}
