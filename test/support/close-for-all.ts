// Closing a cache that others have as well.
import type { Cache } from '../../src/index.ts';

/** Closes an instance for all callers that have it, each of whom would close it for itself. */
export async function closeForAll(cache: Cache): Promise<void> {
  const isOpen = () =>
    cache.has('any').then(
      () => true,
      () => false,
    );
  while (await isOpen()) await cache.close();
}
