// Trust in a cache directory: other users must not be able to write there, and its file system must support WAL.
import { lstatSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GloveboxError } from '../../../errors.ts';

/** The cache directory cannot be used as it is. The message says what to do. */
export class UnusableDirectoryError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_UNUSABLE_DIRECTORY', message);
  }
}

// Magic numbers of statfs(2). WAL needs memory that all processes share, which a network mount cannot give.
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB2',
  1397113167: 'AFS',
  1799439955: 'kAFS',
  12805120: 'Ceph',
  16914839: '9P',
  198183888: 'Lustre',
  428016422: 'BeeGFS',
  22092: 'NCP',
  1937076805: 'Coda',
};

export interface DirectoryFacts {
  /** Owner's user id and permission bits. */
  uid: number;
  mode: number;
  /** `f_type` of statfs(2). */
  fileSystem: number;
}

/** The facts that {@link assertTrusted} judges. */
export function factsOf(directory: string): DirectoryFacts {
  const { uid, mode } = statSync(directory);
  return { uid, mode, fileSystem: process.platform === 'linux' ? statfsSync(directory).type : 0 };
}

/** Makes the root and the tag's directory, private to the user, and checks both. Throws {@link UnusableDirectoryError}. */
export function prepareDirectory(root: string, directory: string, allowUntrusted: boolean): void {
  for (const path of [root, directory]) {
    if (path !== root) assertNoLinks(path);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    assertTrusted(path, factsOf(path), allowUntrusted);
  }
}

// Files and directories that Glovebox writes through, in a tag's directory.
const PARTS = [
  '',
  'cache.db',
  'cache.db-wal',
  'cache.db-shm',
  'cache.db.lock',
  'cache.db-changes',
  'blobs',
  'blobs/tmp',
  'locks',
];

// Through a link, Glovebox would write to, or remove, the link's target. The root itself may be a link.
function assertNoLinks(directory: string): void {
  for (const part of PARTS) {
    const path = join(directory, part);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new UnusableDirectoryError(
        `${path} is a symbolic link, and links inside a cache are not followed. Remove it, or set GLOVEBOX_CACHE_DIR to where the cache is to be.`,
      );
    }
  }
}

/**
 * Whether a directory with these permission bits is meant for all users, like /tmp: its permissions have to stay as
 * they are.
 */
export function isForAll(mode: number): boolean {
  return (mode & 0o1002) === 0o1002;
}

/** A remedy for a directory that all users share, as the end of a sentence. */
export function sharedRemedy(path: string): string {
  const own = join(path, `glovebox-${process.getuid?.() ?? 'cache'}`);
  return `others could change what is cached there. Set GLOVEBOX_CACHE_DIR to a directory of your own, such as ${own}`;
}

/** Throws {@link UnusableDirectoryError} unless only this user can write to the directory and WAL works there. */
export function assertTrusted(path: string, facts: DirectoryFacts, allowUntrusted: boolean): void {
  const network = NETWORK_FILE_SYSTEMS[facts.fileSystem];
  if (network) {
    throw new UnusableDirectoryError(
      `${path} is on a network file system (${network}), where SQLite's WAL does not work. Set GLOVEBOX_CACHE_DIR to a directory on a local disk.`,
    );
  }
  const user = process.getuid?.();
  if (allowUntrusted || user === undefined) return;
  if (isForAll(facts.mode)) {
    throw new UnusableDirectoryError(
      `${path} is a directory that all users share, and ${sharedRemedy(path)}, or GLOVEBOX_CACHE_UNTRUSTED=1 to use it all the same.`,
    );
  }
  if (facts.uid !== user) {
    throw new UnusableDirectoryError(
      `${path} belongs to user ${facts.uid}, not to you (${user}): that user could change what is cached there. Set GLOVEBOX_CACHE_DIR to a directory of your own, or GLOVEBOX_CACHE_UNTRUSTED=1 to use it all the same.`,
    );
  }
  if ((facts.mode & 0o022) !== 0) {
    throw new UnusableDirectoryError(
      `${path} can be written by others (mode ${(facts.mode & 0o777).toString(8)}). Run 'chmod go-w ${path}', or set GLOVEBOX_CACHE_UNTRUSTED=1 to use it all the same.`,
    );
  }
}
