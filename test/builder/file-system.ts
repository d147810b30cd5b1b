// Test file systems: small ones that fill up, and ones that become read-only under a running build.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

/** A mounted tmpfs, removed with the test. */
export class FileSystem {
  readonly path: string;

  constructor(directory: string) {
    this.path = directory;
  }

  /** Fills it to the last byte. */
  fill(): void {
    const ballast = path.join(this.path, 'ballast');
    const { bavail, bsize } = statfsSync(this.path);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
  }

  /** Frees the space that {@link fill} took. */
  empty(): void {
    rmSync(path.join(this.path, 'ballast'));
  }

  writable(): void {
    execFileSync('mount', ['-o', 'remount,rw', this.path]);
  }
}

/**
 * Mounts a file system of so many KiB at `directory`. Undefined, with the reason logged, where mounting is not allowed.
 * A read-only one is read-only from the start: a mount cannot become read-only while a file is open for writing there.
 */
export function mountFileSystem(
  t: ExecutionContext,
  directory: string,
  { kibibytes = 1024, isReadOnly = false } = {},
): FileSystem | undefined {
  mkdirSync(directory, { recursive: true });
  const options = `size=${kibibytes}k,mode=700${isReadOnly ? ',ro' : ''}`;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'pipe' });
  } catch (error) {
    t.log(`skipped: no file system can be mounted here (${(error as Error).message.split('\n')[0]})`);
    t.pass();
    return undefined;
  }
  // Lazily, because a file may still be open there.
  t.teardown(() => void execFileSync('umount', ['-l', directory]));
  return new FileSystem(directory);
}
