// Glovebox, as the README shows it: every worker thread asks for the cache by its tag.
// Imported in the main thread of a process before any worker starts: that makes the main thread the coordinator's.
import {
  type Cache,
  type CacheOptions,
  CROSS_PROCESS_STALENESS_MS,
  createDefaultCache,
} from '../../src/index.ts';
import { packageVersion } from '../package-version.ts';
import type { Peer, PeerStore } from '../peer.ts';

/** The tag of all that the benchmark stores. */
export const TAG = 'bench';

export const peer: Peer = {
  title: 'Glovebox',
  setup: 'createDefaultCache({ tag }) in each thread; WAL, synchronous=NORMAL',
  crossProcessStaleness: CROSS_PROCESS_STALENESS_MS,

  versions: () => ({ glovebox: packageVersion(new URL('../../src/index.ts', import.meta.url).href) }),

  open: directory => openStore(directory),
};

/** The cache of a data set, with options that the peer itself leaves at their defaults. */
export function openCache(directory: string, options: CacheOptions = {}): Cache {
  return createDefaultCache({ cacheRoot: directory, tag: TAG, maxSize: '64GB', ...options });
}

/** The store over {@link openCache}. */
export function openStore(directory: string, options: CacheOptions = {}): PeerStore {
  const cache = openCache(directory, options);
  return {
    get: key => cache.get(key),
    set: (key, value) => cache.set(key, value),
    setMany: entries => cache.setMany(entries),
    delete: key => cache.delete(key),
    getOrSet: (key, produce) => cache.getOrSet(key, produce),
    putFile: (key, path) => cache.putFile(key, path),
    getFile: (key, destination) => cache.getFile(key, destination),
    close: () => cache.close(),
  };
}
