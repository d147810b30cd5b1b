// A temporary directory that is removed with the test.
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { removeInUse } from '../support/temporary.ts';

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'glovebox-cli-'));
  t.teardown(() => removeInUse(directory));
  return directory;
}
