// Glovebox as in the README: every worker thread opens the cache by its tag. Imported in the main thread before any
// worker starts, which makes the main thread the coordinator.
import {
  type Cache,
  type CacheOptions,
  CROSS_PROCESS_STALENESS_MS,
  createDefaultCache,
} from '../../src/index.ts';
import { packageVersion } from '../package-version.ts';
import type { Peer, PeerStore } from '../peer.ts';

/** Tag of all benchmark data. */
export const TAG = 'bench';

export const peer: Peer = {
  title: 'Glovebox',
  setup: 'createDefaultCache({ tag }) in each thread; WAL, synchronous=NORMAL',
  crossProcessStaleness: CROSS_PROCESS_STALENESS_MS,

  versions: () => ({ glovebox: packageVersion(new URL('../../src/index.ts', import.meta.url).href) }),

  open: directory => openStore(directory),
};

/** The cache of a data set; extra options replace the peer's defaults. */
export function openCache(directory: string, options: CacheOptions = {}): Cache {
  return createDefaultCache({ cacheRoot: directory, tag: TAG, maxSize: '64GB', ...options });
}

/** A store on top of {@link openCache}. */
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
