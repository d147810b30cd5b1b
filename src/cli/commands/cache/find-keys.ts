// Lookup of keys given on the command line, with suggestions for unknown ones.
import type { Cache } from '../../../cache/cache.ts';
import { closestMatch } from '../../../config/closest-match.ts';
import { UsageError } from '../../errors.ts';
import type { OpenCaches } from '../../open-caches.ts';

/** The caches that contain each key. A key in none of them is a {@link UsageError} with a suggestion. */
export async function findKeys(
  { caches, root }: OpenCaches,
  keys: readonly string[],
): Promise<Map<string, Cache[]>> {
  const found = new Map<string, Cache[]>();
  const missing: string[] = [];
  for (const key of keys) {
    const holders: Cache[] = [];
    for (const cache of caches) {
      if (await cache.has(key)) {
        holders.push(cache);
      }
    }
    if (holders.length > 0) {
      found.set(key, holders);
    } else {
      missing.push(key);
    }
  }
  if (missing.length > 0) {
    const where = caches.length === 1 ? `the cache '${caches[0]!.tag}'` : `any cache in ${root}`;
    const lines: string[] = [];
    for (const key of missing) {
      const guess = await nearestKey(caches, key);
      lines.push(
        `Key '${key}' was not found in ${where}.${guess === undefined ? '' : ` Did you mean '${guess}'?`}`,
      );
    }
    throw new UsageError(lines.join('\n'));
  }
  return found;
}

/** A key that begins with the word, else the closest match. */
async function nearestKey(caches: readonly Cache[], word: string): Promise<string | undefined> {
  let best: string | undefined;
  for (const cache of caches) {
    for await (const key of cache.keys()) {
      if (word !== '' && key.startsWith(word)) {
        return key;
      }
      best = closestMatch(word, best === undefined ? [key] : [best, key]);
    }
  }
  return best;
}
