// Glovebox through its synchronous methods, as a compiler plug-in uses it.
import type { Peer } from '../peer.ts';
import { peer as glovebox, openCache } from './glovebox.ts';

export const peer: Peer = {
  ...glovebox,
  title: 'Glovebox, sync',
  setup: 'the same cache through getSync, setSync and deleteSync',
  lacks: workload =>
    workload.type === 'operations' && workload.inFlight === 1 && workload.data.size <= 1024
      ? workload.data.kind === 'file'
        ? 'takes no files by path'
        : undefined
      : 'measured with small values, one operation at a time',

  open(directory) {
    const cache = openCache(directory);
    return {
      get: key => cache.getSync(key),
      set: (key, value) => cache.setSync(key, value),
      setMany: entries => cache.setMany(entries),
      delete: key => cache.deleteSync(key),
      close: () => cache.close(),
    };
  },
};
