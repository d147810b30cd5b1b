// Closing of a shared cache.
import type { Cache } from '../../src/index.ts';

/** Closes an instance for all of its callers, each of whom would otherwise close its own use. */
export async function closeForAll(cache: Cache): Promise<void> {
  const isOpen = () =>
    cache.has('any').then(
      () => true,
      () => false,
    );
  while (await isOpen()) await cache.close();
}
