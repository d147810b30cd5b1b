// The cacache peer, npm's own cache: content-addressed files with an index, shared by threads and processes without
// locks.
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import cacache from 'cacache';
import { packageVersion } from '../package-version.ts';
import type { Peer } from '../peer.ts';

export const peer: Peer = {
  title: 'cacache',
  setup: 'put and get, without memoize (which other threads would not see); files renamed, not flushed',
  versions: () => ({ cacache: packageVersion('cacache') }),
  lacks: ({ family }) => (family === 'cold' ? 'it would make three files of each entry' : undefined),

  open(directory, { kind }) {
    const encode = (value: unknown) => (kind === 'bytes' ? (value as Buffer) : JSON.stringify(value));
    return {
      async get(key) {
        const found = await cacache.get(directory, key).catch(ignoreMissing);
        return found && (kind === 'bytes' ? found.data : JSON.parse(found.data.toString()));
      },
      set: (key, value) => cacache.put(directory, key, encode(value)),
      delete: key => cacache.rm.entry(directory, key),
      putFile: (key, path) => pipeline(createReadStream(path), cacache.put.stream(directory, key)),
      async getFile(key, destination) {
        await pipeline(cacache.get.stream(directory, key), createWriteStream(destination));
        return true;
      },
      close: () => undefined,
    };
  },
};

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
