// A directory that lives as long as a test.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { resetSharedCacheInstances } from '../../src/index.ts';

export async function makeDirectory(): Promise<string> {
  return mkdtemp(join(await realpath(tmpdir()), 'glovebox-test-'));
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await makeDirectory();
  t.teardown(() => removeDirectory(directory));
  return directory;
}

/** A directory for caches. Those of this thread, all of them, are closed first: for tests that run one after another. */
export async function temporaryRoot(t: ExecutionContext): Promise<string> {
  const directory = await makeDirectory();
  t.teardown(async () => {
    await resetSharedCacheInstances();
    await removeDirectory(directory);
  });
  return directory;
}
