// Baseline: a `Map` in the thread itself instead of a store. Its times are the overhead of the harness.
import type { Peer } from './peer.ts';

export const peer: Peer = {
  title: 'Map in the thread',
  setup: 'not shared and not persistent',
  versions: () => ({}),
  open() {
    const map = new Map<string, unknown>();
    return {
      get: key => map.get(key),
      set: (key, value) => map.set(key, value),
      delete: key => map.delete(key),
      close: () => map.clear(),
    };
  },
};
