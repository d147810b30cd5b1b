// Keys that a person typed, found in the caches, or what they may have meant.
import type { Cache } from '../cache/cache.ts';
import { closestMatch } from '../config/closest-match.ts';
import { UsageError } from './errors.ts';
import type { OpenCaches } from './open-caches.ts';

/** The caches that hold each key. A key that none of them holds is a {@link UsageError} that names the nearest ones. */
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
        `There is no key '${key}' in ${where}.${guess === undefined ? '' : ` Did you mean '${guess}'?`}`,
      );
    }
    throw new UsageError(lines.join('\n'));
  }
  return found;
}

/** The start of a key is a good way to mean it; else the key that looks most like it. */
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
