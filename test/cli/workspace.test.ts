import { existsSync } from 'node:fs';
import { readdir, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { WorkspaceService } from '../../src/builder/workspace/index.ts';
import { commit, workspace } from '../builder/workspace/repositories.ts';
import { createUpstream, objectsOf } from '../builder/workspace/upstream.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { glovebox, gloveboxAlone, startGlovebox } from './run.ts';

test.serial('a workspace is made, shown, listed, moved to another machine and deleted', async t => {
  const { config, cacheRoot, directory, env } = await createUpstream(t);
  const options = { cwd: config, env: { ...env, GLOVEBOX_CACHE_DIR: cacheRoot } };
  const run = (...args: string[]) => gloveboxAlone(['workspace', ...args], options);
  const none = await run('show');
  t.is(none.status, 1);
  t.regex(none.stderr, /no workspace for the config.*glovebox workspace create/s);

  const created = await run('create');
  t.deepEqual([created.status, created.stderr], [0, '']);
  t.regex(
    created.stdout,
    /^Updating zmk\nUpdating zephyr\nUpdating hal\nMade zmk-main-[0-9a-f]{8} \(.*B\)\n {2}\//,
  );
  const [{ name, path: place }] = JSON.parse((await run('list', '--json')).stdout);
  t.regex((await run('list')).stdout, new RegExp(`${name} +up/zmk +main .*${place}`));

  const shown = await run('show');
  t.regex(shown.stdout, /projects\n {2}modules\/hal +[0-9a-f]{12}\n {2}zephyr +[0-9a-f]{12}\n/);
  t.notRegex(shown.stdout, /!/);

  const file = path.join(directory, 'packed.tar.zst');
  const packed = await run('export', '-o', file);
  t.deepEqual([packed.status, packed.stderr], [0, '']);
  t.regex(packed.stdout, /^Packed .*B into .*packed\.tar\.zst/);
  const there = path.join(directory, 'there');
  const imported = await run('import', file, '--cache-dir', there);
  t.regex(imported.stdout, /^Imported zmk-main-/);
  t.is((await new WorkspaceService({ cacheRoot: there }).list()).length, 1);

  const deleted = await glovebox(['workspace', 'delete', name], options);
  t.regex(deleted.stdout, new RegExp(`^Removed ${name}`));
  t.false(existsSync(place));
  const unknown = await run('delete', name);
  t.deepEqual(
    [unknown.status, unknown.stderr],
    [1, `error: There is no workspace ${name}. There are none.\n`],
  );
});

test.serial('moved or changed projects of a workspace are reported', async t => {
  const own = await temporaryDirectory(t);
  await workspace(own, { zmk: { 'a.c': 'a\n' }, zephyr: { VERSION: '3\n' } });
  await commit(path.join(own, 'zephyr'), { VERSION: '4\n' });
  await writeFile(path.join(own, 'zmk/a.c'), 'b\n');
  const { stdout, status } = await gloveboxAlone(['workspace', 'show', own], {
    env: { GLOVEBOX_CACHE_DIR: path.join(own, 'cache') },
  });
  t.is(status, 0);
  t.regex(stdout, /! zephyr is moved: [0-9a-f]{7} is checked out, the manifest asks for [0-9a-f]{7}\n/);
  t.regex(stdout, /! zmk has a change that is not committed: a\.c\n/);
});

test.serial(
  'an existing workspace is added for the config in this directory, and forgotten again',
  async t => {
    const { config, cacheRoot, directory } = await createUpstream(t);
    const own = path.join(directory, 'own');
    await workspace(own, { zmk: { 'a.c': 'a\n' } });
    const run = (...args: string[]) =>
      gloveboxAlone(['workspace', ...args], { cwd: config, env: { GLOVEBOX_CACHE_DIR: cacheRoot } });
    t.regex((await run('add', own)).stdout, /^Registered zmk-master-[0-9a-f]{8}\n/);
    t.regex((await run('show')).stdout, /kept by +you/);
    t.regex((await run('list')).stdout, /your own/);
    t.regex((await run('delete', own)).stdout, /^Forgot .* stays as it is/);
    t.true(existsSync(path.join(own, 'zmk/a.c')));
    const wrong = await run('add', config);
    t.is(wrong.status, 1);
    t.regex(wrong.stderr, /^error: .* is not a west workspace/);
  },
);

test.serial('without west the remedy is given', async t => {
  const { config, cacheRoot, directory } = await createUpstream(t);
  const env = { GLOVEBOX_CACHE_DIR: cacheRoot, PATH: path.join(directory, 'home') };
  const { status, stderr } = await gloveboxAlone(['workspace', 'create'], { cwd: config, env });
  t.is(status, 1);
  t.regex(stderr, /^error: Cannot start 'west'.*pip install west.*glovebox workspace add PATH/s);
});

test.serial(
  'a killed update leaves the existing workspace in place, and the next one resumes its downloads',
  async t => {
    const { config, cacheRoot, home, env, push } = await createUpstream(t);
    const options = { cwd: config, env: { ...env, GLOVEBOX_CACHE_DIR: cacheRoot } };
    const service = new WorkspaceService({ cacheRoot });
    const parts = path.join(service.store.root, 'parts');
    await gloveboxAlone(['workspace', 'create'], options);
    const first = (await service.list())[0]!;
    await push('zephyr', { 'new.c': 'new\n' });
    await writeFile(path.join(home, 'hang-at-hal'), '');

    const killed = startGlovebox(['workspace', 'update', '--verbose'], options);
    await killed.printed('hanging');
    killed.child.kill('SIGKILL');
    await killed.ended;
    const [left = ''] = await readdir(parts);
    const fetched = await objectsOf(path.join(parts, left));
    t.deepEqual(await service.list(), [first]);

    const interrupted = startGlovebox(['workspace', 'update', '--verbose'], options);
    await interrupted.printed('hanging');
    interrupted.child.kill('SIGINT');
    t.is((await interrupted.ended).status, 130);
    t.deepEqual(await service.list(), [first]);

    await unlink(path.join(home, 'hang-at-hal'));
    const done = await gloveboxAlone(['workspace', 'update'], options);
    t.regex(done.stdout, /\nMade zmk-main-.*\nRemoved zmk-main-/s);
    const second = (await service.list())[0]!;
    const objects = await objectsOf(second.path);
    for (const [name, inode] of fetched) t.is(objects.get(name), inode, name);
    t.deepEqual(await readdir(parts), []);
    t.deepEqual(await readdir(path.dirname(first.path)), [second.name]);
  },
);

test.serial('two processes make one workspace together', async t => {
  const { config, cacheRoot, env } = await createUpstream(t);
  const options = { cwd: config, env: { ...env, GLOVEBOX_CACHE_DIR: cacheRoot } };
  const both = await Promise.all([
    glovebox(['workspace', 'create', '--json'], options),
    glovebox(['workspace', 'create', '--json'], options),
  ]);
  const results = both.map(({ stdout, stderr }) => JSON.parse(stdout || stderr));
  t.is(results[0].path, results[1].path);
  t.deepEqual(results.map(({ made }) => made).sort(), [false, true]);
});
