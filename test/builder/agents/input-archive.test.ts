import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pack } from 'tar-stream';
import {
  archiveKey,
  InvalidArchiveError,
  packInputs,
  UnportableInputsError,
  unpackInputs,
} from '../../../src/builder/agents/input-archive.ts';

function directory(t: ExecutionContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'archive-'));
  t.teardown(() => rm(made, { recursive: true, force: true }));
  return made;
}

function tree(t: ExecutionContext): string {
  const root = directory(t);
  mkdirSync(path.join(root, 'config/shared'), { recursive: true });
  writeFileSync(path.join(root, 'config/corne.keymap'), 'keymap\n');
  writeFileSync(path.join(root, 'config/shared/keys.h'), 'keys\n');
  writeFileSync(path.join(root, 'compile.sh'), 'exit 0\n', { mode: 0o755 });
  symlinkSync('shared', path.join(root, 'config/linked'));
  symlinkSync('../compile.sh', path.join(root, 'config/script'));
  return root;
}

test('files, programs and links inside the root arrive as they are', async t => {
  const root = tree(t);
  const names = ['config/corne.keymap', 'config/linked/keys.h', 'config/script', 'compile.sh'];
  const files = names.map(name => path.join(root, name));
  const archive = await packInputs(root, files, ['.git']);
  t.is(archiveKey(archive), archiveKey(await packInputs(root, files.toReversed(), ['.git'])), 'in any order');
  const place = directory(t);
  await unpackInputs(archive, place);
  t.deepEqual(readdirSync(path.join(place, 'config')).sort(), ['corne.keymap', 'linked', 'script', 'shared']);
  t.is(readFileSync(path.join(place, 'config/linked/keys.h'), 'utf8'), 'keys\n');
  t.is(readlinkSync(path.join(place, 'config/linked')), 'shared');
  t.is(lstatSync(path.join(place, 'compile.sh')).mode & 0o111, 0o111);
  t.true(lstatSync(path.join(place, '.git')).isDirectory());
  t.false(existsSync(path.join(place, 'config/.git')));
});

test('a link that leads out of the root makes the inputs unportable', async t => {
  const root = tree(t);
  symlinkSync('/etc/hostname', path.join(root, 'config/absolute'));
  symlinkSync('../../elsewhere', path.join(root, 'config/above'));
  symlinkSync('linked/../../../elsewhere', path.join(root, 'config/winding'));
  for (const name of ['absolute', 'above', 'winding']) {
    const error = await t.throwsAsync(packInputs(root, [path.join(root, 'config', name)]), {
      instanceOf: UnportableInputsError,
    });
    t.is(error.message, `config/${name} is a link that leads out of the config`);
  }
});

const hostile: [name: string, entry: Parameters<ReturnType<typeof pack>['entry']>[0]][] = [
  ['a path above', { name: '../outside' }],
  ['an absolute path', { name: '/tmp/outside' }],
  ['a winding path', { name: 'a/../../outside' }],
  ['an absolute link', { name: 'link', type: 'symlink', linkname: '/etc' }],
  ['a link above', { name: 'a/link', type: 'symlink', linkname: '../../outside' }],
  ['a winding link', { name: 'link', type: 'symlink', linkname: 'a/../..' }],
  ['a hard link', { name: 'link', type: 'link', linkname: '/etc/hostname' }],
  ['a device', { name: 'device', type: 'character-device' }],
];
for (const [name, entry] of hostile) {
  test(`an archive with ${name} is refused, and writes nothing elsewhere`, async t => {
    const around = directory(t);
    const place = path.join(around, 'place');
    mkdirSync(place);
    const tar = pack();
    if (entry.type === undefined) tar.entry(entry, 'content');
    else tar.entry(entry);
    tar.finalize();
    const parts: Buffer[] = [];
    for await (const part of tar) parts.push(part as Buffer);
    await t.throwsAsync(unpackInputs(Buffer.concat(parts), place), { instanceOf: InvalidArchiveError });
    t.deepEqual(readdirSync(around), ['place']);
  });
}

test('a file is not written through a link of the archive', async t => {
  const around = directory(t);
  const place = path.join(around, 'place');
  mkdirSync(place);
  const tar = pack();
  tar.entry({ name: 'link', type: 'symlink', linkname: 'other' });
  tar.entry({ name: 'link/file' }, 'content');
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  await t.throwsAsync(unpackInputs(Buffer.concat(parts), place));
  t.false(existsSync(path.join(place, 'other')));
});

test('an archive that is cut short is refused', async t => {
  const root = tree(t);
  const archive = await packInputs(root, [path.join(root, 'config/corne.keymap')]);
  await t.throwsAsync(unpackInputs(archive.subarray(0, 700), directory(t)), {
    instanceOf: InvalidArchiveError,
  });
});
