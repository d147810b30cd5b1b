// A worker thread with its own connections: reads the requested keys, and reports the results.
import { parentPort } from 'node:worker_threads';
import { type Cache, createDefaultCache } from '../../../src/index.ts';

/** One cache to read from, which its first request opens; a request without keys closes it. */
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
