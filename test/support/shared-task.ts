// A Piscina worker file that produces a value shared between machines, unless one has produced it already.
import { openCache } from '../../src/index.ts';

export interface SharedTask {
  cacheRoot: string;
  key: string;
  /** One Int32: how often a value was produced. */
  produced: SharedArrayBuffer;
}

export default async function runSharedTask({ cacheRoot, key, produced }: SharedTask): Promise<unknown> {
  const cache = openCache({ cacheRoot, tag: 'shared', remote: true });
  return cache.getOrSet(key, () => {
    Atomics.add(new Int32Array(produced), 0, 1);
    return { key, text: `made of ${key}` };
  });
}
