// Copies a file as `cp` does: the lower bound of files in and out by path.
import { constants, copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Peer } from '../peer.ts';

export const peer: Peer = {
  title: 'copying the file',
  setup: 'the floor of files: copyFile, a clone where it can be, as cp; nothing hashed, flushed or renamed',
  versions: () => ({}),
  lacks: ({ data }) => (data.kind === 'file' ? undefined : 'files only'),

  open: copies,
};

/** Path of the copy for a key. */
export function pathOfCopy(directory: string, key: string): string {
  return join(directory, encodeURIComponent(key));
}

/** The copies in a directory by key. */
export function copies(directory: string) {
  const pathOf = (key: string) => pathOfCopy(directory, key);
  return {
    get: () => undefined,
    set: () => false,
    delete: (key: string) => rm(pathOf(key)),
    putFile: (key: string, path: string) => copyFile(path, pathOf(key), constants.COPYFILE_FICLONE),
    async getFile(key: string, destination: string) {
      await copyFile(pathOf(key), destination, constants.COPYFILE_FICLONE);
      return true;
    },
    close: () => undefined,
  };
}
