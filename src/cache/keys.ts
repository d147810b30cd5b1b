// Keys and tags: their rules.
import { inspect } from 'node:util';
import { InvalidArgumentError } from '../errors.ts';

const MAX_KEY_BYTES = 1024;
const TAG = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/;
// Device names of Windows, with any extension: a directory of that name cannot be created there.
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** Throws {@link InvalidArgumentError} unless `key` is a non-empty, well-formed string of at most 1 KiB in UTF-8. */
export function assertKey(key: string): void {
  if (typeof key !== 'string') {
    throw new InvalidArgumentError(
      `A cache key must be a string; got ${inspect(key, { depth: 0 }).slice(0, 80)}. Use cacheKey() to make one.`,
    );
  }
  if (key.length === 0) throw new InvalidArgumentError('A cache key must not be empty; got an empty string.');
  // A UTF-16 unit makes at most 3 bytes, so short keys need no counting.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new InvalidArgumentError(
      `A cache key must have at most ${MAX_KEY_BYTES} bytes of UTF-8; got ${Buffer.byteLength(key)} bytes beginning ${JSON.stringify(key.slice(0, 40))}. Use cacheKey() to make a digest of it.`,
    );
  }
  if (!key.isWellFormed()) {
    throw new InvalidArgumentError(
      `A cache key must be well-formed Unicode; ${JSON.stringify(key.slice(0, 40))} has half a surrogate pair.`,
    );
  }
}

/** Whether {@link assertKey} would accept it. */
export function isKey(key: unknown): key is string {
  if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_BYTES) return false;
  return (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) && key.isWellFormed();
}

/** Whether {@link assertTag} would accept it. */
export function isTag(tag: unknown): tag is string {
  return typeof tag === 'string' && TAG.test(tag) && !RESERVED.test(tag);
}

/** Throws {@link InvalidArgumentError} unless `tag` is safe as a directory name on every platform. */
export function assertTag(tag: string): void {
  if (!isTag(tag)) {
    throw new InvalidArgumentError(
      `A cache tag must be 1 to 64 letters, digits, '.', '_' or '-'; it must not begin with '.' or '-', end with '.' or be a device name; got ${JSON.stringify(tag)?.slice(0, 100)}.`,
    );
  }
}
