// A directory that lives as long as the test.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'glovebox-cli-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
