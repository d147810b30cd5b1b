// A Piscina worker file as users write it: it names a tag and gets the cache.
import { threadId } from 'node:worker_threads';
import { createDefaultCache } from '../../src/index.ts';

export interface PoolTask {
  cacheRoot: string;
  /** One Int32: how many threads have begun. */
  begun: SharedArrayBuffer;
  /** How many threads the task waits for, so that no thread does all the work. */
  threads: number;
}

/** Stores one entry and increments a shared one; resolves to its thread. */
export default async function runPoolTask({ cacheRoot, begun, threads }: PoolTask): Promise<number> {
  const count = new Int32Array(begun);
  Atomics.add(count, 0, 1);
  Atomics.notify(count, 0);
  for (let now = Atomics.load(count, 0); now < threads; now = Atomics.load(count, 0)) {
    await Atomics.waitAsync(count, 0, now).value;
  }
  const cache = createDefaultCache({ cacheRoot, tag: 'pool' });
  await cache.set(`thread-${threadId}`, threadId);
  await cache.increment('tasks');
  return threadId;
}
