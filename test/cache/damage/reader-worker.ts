// A worker thread with connections of its own: reads what it is asked for, and tells what it found.
import { parentPort } from 'node:worker_threads';
import { type Cache, createDefaultCache } from '../../../src/index.ts';

/** One cache to read from, which is opened by its first request; without keys it is closed. */
export interface ReadRequest {
  cacheRoot: string;
  tag: string;
  keys: readonly string[] | undefined;
}

const caches = new Map<string, Cache>();

parentPort!.on('message', async ({ cacheRoot, tag, keys }: ReadRequest) => {
  let cache = caches.get(tag);
  if (!cache) {
    cache = createDefaultCache({ cacheRoot, tag, localTierSize: 0 });
    caches.set(tag, cache);
  }
  if (!keys) await cache.close();
  parentPort!.postMessage(keys && (await cache.getMany(keys)));
});
