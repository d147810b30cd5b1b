// No store at all: a `Map` in the thread itself. What it costs is what the harness costs.
import type { Peer } from './peer.ts';

export const peer: Peer = {
  title: 'Map in the thread',
  setup: 'shared with nobody, kept nowhere',
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
