// Copying a file and hashing the copy: what the hash adds to the time of a copy.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Peer } from '../peer.ts';
import { copies, peer as copy, pathOfCopy } from './copy.ts';

export const peer: Peer = {
  ...copy,
  title: 'copying and hashing',
  setup: 'the price of checking: copyFile, then the SHA-256 of the copy, read as a stream',

  open(directory) {
    const store = copies(directory);
    return {
      ...store,
      async putFile(key, path) {
        await store.putFile(key, path);
        await hash(pathOfCopy(directory, key));
      },
      async getFile(key, destination) {
        const isThere = await store.getFile(key, destination);
        await hash(destination);
        return isThere;
      },
    };
  },
};

async function hash(file: string): Promise<string> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) sum.update(chunk as Buffer);
  return sum.digest('hex');
}
