// Unused keymaps: a keymap that no target was built with is reported, with the name that was probably meant.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unusedKeymaps } from '../../../src/builder/diagnosis/unused-keymaps.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { writeFiles } from '../toolchains/observed/workspace.ts';

const CORNE = [
  { board: 'nice_nano@2//zmk', shield: 'corne_left nice_view', artifactName: 'left' },
  { board: 'nice_nano@2//zmk', shield: 'corne_right nice_view', artifactName: 'right' },
];

/** The report for a config with these keymaps, some of which were read. */
async function said(t: ExecutionContext, names: string[], read: string[], configPath = 'config') {
  const configDirectory = await temporaryDirectory(t);
  writeFiles(configDirectory, Object.fromEntries(names.map(name => [path.join(configPath, name), ''])));
  return unusedKeymaps({ configDirectory, configPath, targets: CORNE, read: new Set(read) });
}

test('a keymap with almost the right name is reported with the right one', async t => {
  t.deepEqual(await said(t, ['corne_lft.keymap', 'corne.conf'], []), [
    "config/corne_lft.keymap is not used by any target. Did you mean 'corne_left.keymap'?",
  ]);
  t.deepEqual(await said(t, ['nicenano.keymap'], [], 'my/keymaps'), [
    "my/keymaps/nicenano.keymap is not used by any target. Did you mean 'nice_nano.keymap'?",
  ]);
});

test('a name is only suggested if a target would take it', async t => {
  t.deepEqual(await said(t, ['corne.keymap', 'corne_lft.keymap'], ['config/corne.keymap']), [
    'config/corne_lft.keymap is not used by any target.',
  ]);
  t.deepEqual(await said(t, ['crne.keymap', 'nice_nano.keymap'], ['config/nice_nano.keymap']), [
    "config/crne.keymap is not used by any target. Did you mean 'corne.keymap'?",
  ]);
});

test('other unused keymaps are reported together', async t => {
  t.deepEqual(await said(t, ['lily58.keymap'], []), ['config/lily58.keymap is not used by any target.']);
  t.deepEqual(await said(t, ['lily58.keymap', 'planck.keymap'], []), [
    'config/lily58.keymap and config/planck.keymap are not used by any target.',
  ]);
  t.deepEqual(await said(t, ['sofle.keymap', 'lily58.keymap', 'planck.keymap'], []), [
    'config/lily58.keymap and 2 more are not used by any target.',
  ]);
});

test('a keymap that was read is used whatever its name, and a config without keymaps has no report', async t => {
  t.deepEqual(
    await said(t, ['corne.keymap', 'base.keymap'], ['config/corne.keymap', 'config/base.keymap']),
    [],
  );
  t.deepEqual(await said(t, [], []), []);
});
