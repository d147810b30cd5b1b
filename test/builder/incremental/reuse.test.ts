// Reuse of cached builds: which changes compile a target again, and which do not.
import { rename, symlink, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { CompileOutcome } from '../../../src/builder/incremental/index.ts';
import { CompileFixture, createCompileFixture, keysOf, LEFT, RIGHT } from './compile-fixture.ts';

test('the same target with the same inputs is compiled once', async t => {
  const fixture = await createCompileFixture(t);
  const [source, content] = await fixture.firmwareOf();
  t.is(source, 'compiled');
  t.deepEqual(await fixture.firmwareOf(), ['cache', content]);
  t.is(fixture.toolchain.runs, 1);
});

test('an edit is compiled, and its undo comes from the cache', async t => {
  const fixture = await createCompileFixture(t);
  const [, original] = await fixture.firmwareOf();
  await fixture.write('config/corne.keymap', 'edited');
  t.deepEqual(await fixture.firmwareOf(), ['compiled', 'corne_left 1 edited|left|right']);
  await fixture.write('config/corne.keymap', 'keymap');
  t.deepEqual(await fixture.firmwareOf(), ['cache', original]);
  await fixture.write('config/corne.keymap', 'edited');
  t.deepEqual(await fixture.firmwareOf(), ['cache', 'corne_left 1 edited|left|right']);
  t.is(fixture.toolchain.runs, 2);
});

test('touching a file without changing it compiles nothing', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.firmwareOf();
  const keymap = path.join(fixture.configDirectory, 'config/corne.keymap');
  await utimes(keymap, new Date(0), new Date(0));
  await fixture.write('config/corne.keymap', 'keymap');
  t.is((await fixture.firmwareOf())[0], 'cache');
});

test('a file that only one target reads compiles only that target', async t => {
  const fixture = await createCompileFixture(t);
  const build = async () => {
    fixture.toolchain.observed = { files: ['config/corne.keymap', 'config/left.h'] };
    const left = await fixture.firmwareOf(LEFT);
    fixture.toolchain.observed = { files: ['config/corne.keymap', 'config/right.h'] };
    const right = await fixture.firmwareOf(RIGHT);
    return [left[0], right[0]];
  };
  t.deepEqual(await build(), ['compiled', 'compiled']);
  await fixture.write('config/right.h', 'new');
  t.deepEqual(await build(), ['cache', 'compiled']);
  await fixture.write('config/corne.keymap', 'new');
  t.deepEqual(await build(), ['compiled', 'compiled']);
});

test('when the read files are unknown, every declared input counts', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.firmwareOf();
  await fixture.write('config/unrelated.txt', 'made');
  t.deepEqual(await fixture.why(), ['config/unrelated.txt was added']);
  t.is((await fixture.firmwareOf())[0], 'compiled');
  await fixture.write('config/unrelated.txt', 'changed');
  t.deepEqual(await fixture.why(), ['config/unrelated.txt changed']);
  await fixture.remove('config/unrelated.txt');
  t.is((await fixture.firmwareOf())[0], 'cache', 'the state before it was made is known');
});

test('when only the read files are known, adding or removing a file counts', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.observed = { files: ['config/corne.keymap'] };
  await fixture.firmwareOf();
  await fixture.write('config/corne.conf', 'CONFIG_ZMK_SLEEP=y');
  t.deepEqual(await fixture.why(), ['config/corne.conf was added']);
  t.is((await fixture.firmwareOf())[0], 'compiled');
  await fixture.remove('config/right.h');
  t.deepEqual(await fixture.why(), ['config/right.h was removed']);
});

test('backup and swap files of editors do not count', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.firmwareOf();
  for (const name of ['.corne.keymap.swp', 'corne.keymap~', '.#corne.keymap', '#corne.keymap#']) {
    await fixture.write(`config/${name}`, 'x');
  }
  t.is((await fixture.firmwareOf())[0], 'cache');
});

test('where directories are known, a new file counts in those only', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.write('config/other/a', 'a');
  await fixture.write('config/boards/b', 'b');
  fixture.toolchain.observed = { files: ['config/corne.keymap'], directories: ['config/boards'] };
  // A directory written just now would count as changed during the compile.
  fixture.toolchain.script = async (_, succeed) => {
    await settled();
    return succeed();
  };
  await settled();
  await fixture.firmwareOf();
  await fixture.write('config/other/new', 'new');
  t.is((await fixture.firmwareOf())[0], 'cache');
  await fixture.write('config/boards/new', 'new');
  t.deepEqual(await fixture.why(), ['the file list of config/boards changed']);
});

test('creating a file that was looked for in vain compiles again', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.observed = { files: ['config/corne.keymap'], absent: ['config/corne.conf'] };
  await fixture.firmwareOf();
  await fixture.write('config/elsewhere.conf', '');
  t.is((await fixture.firmwareOf())[0], 'cache');
  await fixture.write('config/corne.conf', '');
  t.deepEqual(await fixture.why(), ['config/corne.conf was added']);
  t.is((await fixture.firmwareOf())[0], 'compiled');
});

test('a config directory that was moved finds its firmware', async t => {
  const fixture = await createCompileFixture(t);
  const [, content] = await fixture.firmwareOf();
  const elsewhere = path.join(fixture.root, 'elsewhere');
  await rename(fixture.configDirectory, elsewhere);
  const moved = new CompileFixture(fixture.root, elsewhere, fixture.options);
  t.deepEqual(
    await moved
      .service()
      .lookup(LEFT)
      .then(found => found.hit),
    true,
  );
  await fixture.write('config/corne.keymap', 'the old place means nothing');
  const directory = path.join(fixture.root, 'restored');
  await moved.write('../restored/.keep', '');
  const restored = await moved.service().restore(LEFT, directory);
  t.true(restored.ok);
  t.is(moved.toolchain.runs, 0);
  t.truthy(content);
});

test('another compiler version compiles again, and going back does not', async t => {
  const fixture = await createCompileFixture(t);
  t.deepEqual(await fixture.why(), ['never built here']);
  await fixture.firmwareOf();
  fixture.toolchain.version = '2';
  t.deepEqual(await fixture.why(), ['toolchain version changed: 1 → 2']);
  t.is((await fixture.firmwareOf())[0], 'compiled');
  fixture.toolchain.version = '1';
  t.is((await fixture.firmwareOf())[0], 'cache');
});

test('another shield, board, snippet or argument compiles again', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.firmwareOf(LEFT);
  t.deepEqual(await fixture.why({ ...LEFT, shield: 'corne_right' }), [
    'shield changed: corne_left → corne_right',
  ]);
  t.deepEqual(await fixture.why({ ...LEFT, board: 'nrfmicro' }), ['board changed: nice_nano_v2 → nrfmicro']);
  t.deepEqual(await fixture.why({ ...LEFT, snippet: 'studio' }), ['snippet changed: none → studio']);
  t.deepEqual(await fixture.why({ ...LEFT, cmakeArgs: '-DX=1' }), ['cmakeArgs changed: none → -DX=1']);
  t.deepEqual(await fixture.why({ ...LEFT, artifactName: 'new' }), ['never built here']);
});

test('explanations compare with the build used last', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.firmwareOf();
  await fixture.write('config/corne.keymap', 'edited');
  await fixture.firmwareOf();
  await fixture.write('config/corne.keymap', 'keymap');
  t.is((await fixture.firmwareOf())[0], 'cache');
  await fixture.write('config/left.h', 'edited');
  t.deepEqual(await fixture.why(), ['config/left.h changed'], 'and not the keymap as well');
});

test('only a limited number of states is remembered, the most recently used ones', async t => {
  const fixture = await createCompileFixture(t);
  const original = (await fixture.firmwareOf())[1];
  for (let edit = 0; edit < 20; edit++) {
    await fixture.write('config/corne.keymap', `edit ${edit}`);
    await fixture.firmwareOf();
  }
  const [key] = await keysOf(fixture.builds.cache, 'manifest:');
  const manifest = await fixture.builds.manifest(key!.slice('manifest:'.length));
  t.is(manifest?.candidates.length, 16);
  await fixture.write('config/corne.keymap', 'keymap');
  t.is((await fixture.firmwareOf())[1], original, 'a state that is no longer listed is right all the same');
});

test('a build is remembered for seven days after it was last used', async t => {
  const day = 24 * 60 * 60 * 1000;
  let now = 1_700_000_000_000;
  const fixture = await createCompileFixture(t, { clock: () => now });
  await fixture.firmwareOf();
  now += 5 * day;
  t.is((await fixture.firmwareOf())[0], 'cache');
  now += 5 * day;
  t.deepEqual(await fixture.why(), [], 'its time began anew when it was used');
  now += 8 * day;
  t.not((await fixture.why()).length, 0);
});

/** Waits until the clock of the file system has advanced. */
async function settled(): Promise<void> {
  const start = Date.now();
  while (Date.now() - start < 25) await new Promise(resolve => setTimeout(resolve, 5));
}

/** Compiles until the result is cached: a compile of inputs that are a few milliseconds old is not. */
async function settle(fixture: CompileFixture): Promise<void> {
  while ((await fixture.firmwareOf())[0] !== 'cache');
}

test('when the list of read files is incomplete, every declared input counts too, and each listed one still does', async t => {
  const fixture = await createCompileFixture(t);
  await fixture.write('shared/base.h', 'base');
  fixture.toolchain.observed = {
    files: ['config/corne.keymap', 'shared/base.h'],
    absent: ['shared/extra.h'],
    declared: 'contents',
  };
  await settle(fixture);
  for (const file of ['shared/base.h', 'shared/extra.h', 'config/left.h', 'config/new.h']) {
    await fixture.write(file, 'edited');
    t.is((await fixture.firmwareOf())[0], 'compiled', file);
    if (file.endsWith('extra.h') || file.endsWith('new.h')) await fixture.remove(file);
    await settle(fixture);
  }
});

test('a file that was read by its real path counts under the names of links that lead to it', async t => {
  const fixture = await createCompileFixture(t);
  for (const place of ['one', 'other']) await fixture.write(`dots/${place}/keys.h`, place);
  const link = path.join(fixture.configDirectory, 'config/keys.h');
  await symlink('../dots/one/keys.h', link);
  fixture.toolchain.observed = {
    files: ['config/corne.keymap', 'dots/one/keys.h'],
    absent: ['config/none.h'],
  };
  fixture.toolchain.declaredInputs = async () =>
    ['config/corne.keymap', 'config/keys.h'].map(file => path.join(fixture.configDirectory, file));
  await settle(fixture);
  await unlink(link);
  await symlink('../dots/other/keys.h', link);
  t.deepEqual(await fixture.why(), ['config/keys.h changed']);
});

test('a result that cannot be traced to its inputs is not cached, and the reason is given', async t => {
  const fixture = await createCompileFixture(t);
  fixture.toolchain.script = async (_, succeed) => ({
    ...((await succeed()) as CompileOutcome & { ok: true }),
    untraceable: 'its build left no records.',
  });
  for (const round of [1, 2]) {
    t.like(await fixture.compile(), { ok: true, source: 'compiled', stored: false });
    t.is(fixture.toolchain.runs, round);
    t.deepEqual(fixture.events.at(-1), {
      type: 'warning',
      message: 'left is not kept for the next build: its build left no records.',
    });
  }
});
