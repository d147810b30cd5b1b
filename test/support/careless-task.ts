// A pool task that does not await what it stores.
import { workerData } from 'node:worker_threads';
import { createDefaultCache } from '../../src/index.ts';

export interface CarelessTask {
  /** Whether the thread has used its cache before: its first call may be the unawaited one. */
  isWarm: boolean;
  key: string;
  /** The size of the large value in bytes; 0 for none. */
  large: number;
}

const cache = createDefaultCache({ ...(workerData as { cacheRoot: string }), tag: 'careless' });
const another = createDefaultCache({ ...(workerData as { cacheRoot: string }), tag: 'another' });

export default async ({ isWarm, key, large }: CarelessTask): Promise<void> => {
  if (isWarm) await cache.get('anything');
  void cache.set(`${key}-set`, key);
  void cache.setMany([
    [`${key}-first`, 1],
    [`${key}-second`, 2],
  ]);
  void cache.increment(`${key}-count`, 5);
  void another.set(`${key}-another`, key);
  if (large > 0) void cache.set(`${key}-large`, Buffer.alloc(large, key));
};
