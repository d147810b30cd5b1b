// A temporary directory that is removed with the test.
import { rmSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export async function makeDirectory(): Promise<string> {
  return mkdtemp(join(await realpath(tmpdir()), 'glovebox-test-'));
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes a directory that is in use, including files that its users create meanwhile. */
export function removeInUse(directory: string): void {
  for (;;) {
    try {
      rmSync(directory, { recursive: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    }
  }
}

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await makeDirectory();
  t.teardown(() => removeDirectory(directory));
  return directory;
}

/** A directory for caches. All caches of this thread are closed first: for serial tests. */
export async function temporaryRoot(t: ExecutionContext): Promise<string> {
  const directory = await makeDirectory();
  t.teardown(async () => {
    // Loaded lazily: tests with another copy of the library have no caches of this one.
    const { resetSharedCacheInstances } = await import('../../src/index.ts');
    await resetSharedCacheInstances();
    await removeDirectory(directory);
  });
  return directory;
}
