// Copies a file and hashes the copy: the cost of the hash on top of a copy.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Peer } from '../peer.ts';
import { copies, peer as copy, pathOfCopy } from './copy.ts';

const PIECE = 1024 * 1024;

export const peer: Peer = {
  ...copy,
  title: 'copying and hashing',
  setup: 'the price of checking: copyFile, then the SHA-256 of the copy, read into one buffer of 1 MiB',

  open(directory) {
    const store = copies(directory);
    const buffer = Buffer.alloc(PIECE);
    return {
      ...store,
      async putFile(key, path) {
        await store.putFile(key, path);
        await hash(pathOfCopy(directory, key), buffer);
      },
      async getFile(key, destination) {
        const isThere = await store.getFile(key, destination);
        await hash(destination, buffer);
        return isThere;
      },
    };
  },
};

async function hash(path: string, buffer: Buffer): Promise<string> {
  const sum = createHash('sha256');
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE);
      if (bytesRead === 0) return sum.digest('hex');
      sum.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
