import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ConfigError, loadUserConfig } from '../../src/config/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

test('the lifetime and size limit of workspaces are configured, field by field', async t => {
  const directory = await temporaryDirectory(t);
  const userDirectory = path.join(directory, 'user');
  await mkdir(userDirectory);
  t.is((await loadUserConfig({ directory, userDirectory })).workspaces, undefined);
  await writeFile(path.join(userDirectory, 'config.yaml'), 'workspaces:\n  ttl: 90d\n  maxSize: 8GB\n');
  await writeFile(path.join(directory, 'glovebox.config.yaml'), 'workspaces:\n  ttl: 7d\n');
  const { workspaces } = await loadUserConfig({ directory, userDirectory });
  t.deepEqual(workspaces, { ttl: '7d', maxSize: '8GB' });
});

test('a mistake in the workspaces section is reported with its line', async t => {
  const directory = await temporaryDirectory(t);
  await writeFile(path.join(directory, 'glovebox.config.yaml'), 'workspaces:\n  maxSize: much\n');
  const error = await t.throwsAsync(loadUserConfig({ directory, userDirectory: directory }), {
    instanceOf: ConfigError,
  });
  t.regex(error?.message ?? '', /:2:.*workspaces\.maxSize/s);
});
