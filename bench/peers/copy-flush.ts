// Copies a file and flushes the copy to disk: the cost of a copy that survives a power failure.
import { open } from 'node:fs/promises';
import type { Peer } from '../peer.ts';
import { copies, peer as copy, pathOfCopy } from './copy.ts';

export const peer: Peer = {
  ...copy,
  title: 'copying, flushing',
  setup: 'the price of keeping: copyFile, then fdatasync of the copy; for files that go in',
  lacks: workload => copy.lacks!(workload) ?? (workload.sets > 0 ? undefined : 'flushes what goes in only'),

  open(directory) {
    const store = copies(directory);
    return {
      ...store,
      async putFile(key, path) {
        await store.putFile(key, path);
        const file = await open(pathOfCopy(directory, key), 'r+');
        try {
          await file.datasync();
        } finally {
          await file.close();
        }
      },
    };
  },
};
