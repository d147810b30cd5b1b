import { cpSync } from 'node:fs';
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  describeWorkspace,
  findWorkspace,
  WorkspaceError,
  WorkspaceService,
  workspaceIdentity,
} from '../../../src/builder/workspace/index.ts';
import { some } from '../../support/extent.ts';
import { makeDirectory, removeDirectory, temporaryDirectory } from '../../support/temporary.ts';
import { type Item, writeArchive, writeItems } from './archives.ts';
import { commit, git, repository, workspace, write } from './repositories.ts';
import { LARGE } from './upstream.ts';

const FORMATS = ['tar.zst', 'tar.gz', 'zip'];

/** Larger than one read or write. */
const HUGE = LARGE.repeat(26);

let original: string;
test.before(async () => {
  original = await makeDirectory();
  await makeSample(original);
});
test.after.always(() => removeDirectory(original));

/** A workspace with everything that is difficult about workspaces, and a config that asks for it. */
async function sample(t: ExecutionContext): Promise<{ own: string; config: string; directory: string }> {
  const directory = await temporaryDirectory(t);
  cpSync(original, directory, { recursive: true, verbatimSymlinks: true });
  return { own: path.join(directory, 'own'), config: path.join(directory, 'config'), directory };
}

async function makeSample(directory: string): Promise<void> {
  const own = path.join(directory, 'own');
  await workspace(own, {
    zmk: { 'app/CMakeLists.txt': 'zmk\n', 'app/ü b.c': 'x\n', empty: '' },
    zephyr: { VERSION: '3\n', 'scripts/tool.py': 'print()\n', 'large.c': HUGE },
  });
  await chmod(path.join(own, 'zephyr/scripts/tool.py'), 0o755);
  await mkdir(path.join(own, 'zephyr/include'));
  await symlink('../scripts/tool.py', path.join(own, 'zephyr/include/link.py'));
  await commit(path.join(own, 'zephyr'), {});
  await repository(path.join(directory, 'font'), { 'font.c': 'font\n' });
  const submodule = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', '../../font', 'font'];
  await git(path.join(own, 'zmk'), 'remote', 'add', 'origin', path.join(own, 'zmk'));
  await git(path.join(own, 'zmk'), ...submodule);
  await commit(path.join(own, 'zmk'), {});
  for (const name of ['zmk', 'zephyr'])
    await git(path.join(own, name), 'update-ref', 'refs/heads/manifest-rev', 'HEAD');
  await appendFile(path.join(own, 'zmk/app/ü b.c'), 'changed\n');
  const config = path.join(directory, 'config');
  await write(config, { 'config/west.yml': await readFile(path.join(own, 'config/west.yml'), 'utf8') });
}

for (const format of FORMATS) {
  test(`a workspace is the same on another machine after ${format}, without a trace of the first machine`, async t => {
    const { own, config, directory } = await sample(t);
    const before = await workspaceIdentity(own);
    const file = path.join(directory, `packed.${format}`);
    const packing: number[] = [];
    const here = new WorkspaceService({ cacheRoot: path.join(directory, 'here') });
    const bytes = await here.export(own, file, { onProgress: ({ done }) => packing.push(done) });
    t.is(packing.at(-1), bytes);
    t.deepEqual(
      [...packing].sort((a, b) => a - b),
      packing,
    );

    // No remotes and no other place: the archive is the only source.
    await rm(path.join(directory, 'font'), { recursive: true });
    await rename(own, `${own}-away`);
    const cacheRoot = path.join(directory, 'there');
    const there = new WorkspaceService({ cacheRoot });
    const unpacking: number[] = [];
    const { workspace: imported, made } = await there.import(file, {
      onProgress: ({ done, total }) => unpacking.push(done / total),
    });
    t.true(made);
    t.is(unpacking.at(-1), 1);
    t.is(await findWorkspace(config, { cacheRoot }), imported.path);
    t.is((await there.create(config, { offline: true })).workspace.path, imported.path);
    const after = await workspaceIdentity(imported.path);
    t.deepEqual(after, before);
    t.deepEqual(describeWorkspace(after), ['zmk has a change that is not committed: app/ü b.c']);
    t.is((await stat(path.join(imported.path, 'zephyr/include/link.py'))).mode & 0o111, 0o111);
    t.is(await readFile(path.join(imported.path, 'zephyr/large.c'), 'utf8'), HUGE);
    await git(path.join(imported.path, 'zephyr'), 'fsck', '--strict');
    await git(path.join(imported.path, 'zmk/font'), 'status');
    t.is((await there.import(file)).made, false, 'twice is once');
    t.deepEqual(await readdir(path.join(there.store.root, 'parts')), []);
  });

  test(`a ${format} with any byte damaged is refused, and nothing of it is left`, async t => {
    const { own, directory } = await sample(t);
    const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
    const file = path.join(directory, `packed.${format}`);
    await service.export(own, file);
    const whole = await readFile(file);
    for (const share of some([0.3, 0.02, 0.6, 0.9], 2)) {
      const flipped = Buffer.from(whole);
      for (let at = 0; at < 8; at++) flipped[Math.floor(whole.length * share) + at]! ^= 0x55;
      await writeFile(file, flipped);
      // The byte may be meaningless, such as a time: then everything is as it was packed.
      const outcome = await service.import(file).then(
        () => 'imported',
        error => error,
      );
      if (outcome !== 'imported') t.true(outcome instanceof WorkspaceError, String(outcome?.stack));
      await writeFile(file, whole.subarray(0, Math.floor(whole.length * share)));
      await t.throwsAsync(service.import(file), { instanceOf: WorkspaceError }, `cut at ${share}`);
    }
    t.deepEqual(await readdir(path.join(service.store.root, 'parts')), []);
  });
}

const MINIMAL: Item[] = [
  { name: '.west/config', content: '[manifest]\npath = config\n' },
  { name: 'config/west.yml', content: 'manifest: {}\n' },
];

const ESCAPES: Record<string, Item[]> = {
  'a path with ..': [{ name: '../escape', content: 'x' }],
  'a path with .. inside': [{ name: 'a/../../escape', content: 'x' }],
  'an absolute path': [{ name: '/tmp/glovebox-escape', content: 'x' }],
  'a path with a backslash': [{ name: '..\\escape', content: 'x' }],
  'a path with a drive': [{ name: 'C:escape', content: 'x' }],
  'a path with an empty part': [{ name: 'a//b', content: 'x' }],
  'a link to an absolute path': [{ name: 'link', link: '/etc' }],
  'a link that leads up': [{ name: 'a/link', link: '../../escape' }],
  'a link whose way depends on another link': [
    { name: 'b/c', link: '..' },
    { name: 'link', link: 'b/c/../..' },
  ],
  'a file below a link': [
    { name: 'link', link: 'config' },
    { name: 'link/west.txt', content: 'x' },
  ],
  'a file in the place of a link': [
    { name: 'link', link: 'config/new' },
    { name: 'link', content: 'x' },
  ],
  'a file twice': [
    { name: 'a', content: 'x' },
    { name: 'a', content: 'x' },
  ],
  'a link for a .git': [{ name: 'zmk/.git', link: '../config' }],
  'a link inside a .git': [{ name: 'zmk/.git/objects', link: '../../config' }],
  'a .git file that leads elsewhere': [{ name: 'zmk/.git', content: 'gitdir: /root/.git\n' }],
  'a .git file that leads to another directory': [{ name: 'zmk/.git', content: 'gitdir: ../config\n' }],
  'objects of another repository': [
    { name: 'zmk/.git/objects/info/alternates', content: '/root/.git/objects\n' },
  ],
  'a git directory that is only a door': [{ name: 'zmk/.git/commondir', content: '../../config\n' }],
};

for (const format of ['tar.gz', 'zip']) {
  test(`nothing of a ${format} is written elsewhere, whatever its paths and links are`, async t => {
    const directory = await temporaryDirectory(t);
    const service = new WorkspaceService({ cacheRoot: path.join(directory, 'a/b/cache') });
    const file = path.join(directory, `hostile.${format}`);
    await writeArchive(file, MINIMAL);
    t.true((await service.import(file)).made, 'what is around the escapes is well');
    await service.remove((await service.list())[0]!.name);
    const before = await readdir(directory, { recursive: true });
    for (const [what, items] of Object.entries(ESCAPES)) {
      await writeArchive(file, [...MINIMAL, ...items]);
      const error = await t.throwsAsync(service.import(file), { instanceOf: WorkspaceError }, what);
      t.notRegex(
        error?.message ?? '',
        /git cannot determine/,
        `${what}: git is not to be the first who sees it`,
      );
      t.deepEqual(await readdir(directory, { recursive: true }), before, what);
    }
    t.deepEqual(await service.list(), []);
  });
}

test('entries other than files, directories and symbolic links are refused', async t => {
  const directory = await temporaryDirectory(t);
  const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
  const file = path.join(directory, 'hostile.tar.zst');
  for (const type of ['link', 'fifo', 'character-device'] as const) {
    await writeItems(file, [{ name: 'x', type, link: 'config/west.yml' }]);
    await t.throwsAsync(service.import(file), { instanceOf: WorkspaceError }, type);
  }
});

test('an archive whose content does not match its checksums is refused', async t => {
  const directory = await temporaryDirectory(t);
  const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
  const file = path.join(directory, 'x.tar.gz');
  const about = { schema: 1, repository: 'a/b', revision: 'main', manifests: [], count: 1, bytes: 10 };
  const head = { name: 'glovebox-workspace.json', content: JSON.stringify(about) };
  const tail = (sums: object) => ({ name: 'glovebox-checksums.json', content: JSON.stringify(sums) });
  const cases: [string, Item[], RegExp][] = [
    [
      'another content',
      [head, { name: 'a', content: 'x' }, tail({ a: `file ${'0'.repeat(64)}` })],
      /a is not what was packed/,
    ],
    ['one too many', [head, { name: 'a', content: 'x' }, tail({})], /a is not what was packed/],
    ['one missing', [head, tail({ a: `file ${'0'.repeat(64)}` })], /a is missing/],
    ['no end', [head, { name: 'a', content: 'x' }], /its end is missing/],
    ['more after the end', [head, tail({}), { name: 'a', content: 'x' }], /more after its end/],
    [
      'more than announced',
      [head, { name: 'a', content: 'x'.repeat(11) }, tail({})],
      /more in it than it says/,
    ],
    ['no beginning', [{ name: 'a', content: 'x' }], /does not say what it is/],
    ['another version', [{ ...head, content: JSON.stringify({ ...about, schema: 99 }) }], /A newer Glovebox/],
  ];
  for (const [what, items, message] of cases) {
    await writeItems(file, items);
    await t.throwsAsync(service.import(file), { instanceOf: WorkspaceError, message }, what);
  }
});

test('git runs nothing that comes with an archive', async t => {
  const directory = await temporaryDirectory(t);
  const own = path.join(directory, 'own');
  await workspace(own, { zmk: { 'a.c': 'a\n', '.gitattributes': '*.c filter=evil\n' } });
  const ran = path.join(directory, 'ran');
  const zmk = path.join(own, 'zmk');
  await git(zmk, 'config', 'filter.evil.clean', `touch ${ran}; cat`);
  await git(zmk, 'config', 'core.fsmonitor', `touch ${ran}`);
  await git(zmk, 'config', 'core.hooksPath', '/tmp');
  await write(zmk, { '.git/hooks/post-checkout': `#!/bin/sh\ntouch ${ran}\n` });
  const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
  const file = path.join(directory, 'x.zip');
  await service.export(own, file);
  await rm(ran, { force: true });
  const { workspace: imported } = await service.import(file);
  await workspaceIdentity(imported.path);
  await git(path.join(imported.path, 'zmk'), 'checkout', '-q', 'HEAD');
  await t.throwsAsync(stat(ran), { code: 'ENOENT' });
  const config = await git(path.join(imported.path, 'zmk'), 'config', '--local', '--list');
  t.notRegex(config, /filter|fsmonitor|hookspath/);
});

test('a workspace that cannot be packed is reported, and no archive is left', async t => {
  const directory = await temporaryDirectory(t);
  const own = path.join(directory, 'own');
  await workspace(own, { zmk: { 'a.c': 'a\n' } });
  const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
  const out = path.join(directory, 'out');
  await mkdir(out);
  const refused = async (message: RegExp, name = 'x.tar.zst') => {
    await t.throwsAsync(service.export(own, path.join(out, name)), { instanceOf: WorkspaceError, message });
    t.deepEqual(await readdir(out), []);
  };
  await refused(/name of an archive.*\.tar\.zst, \.tar\.gz or \.zip/s, 'x.rar');
  await symlink('/etc/passwd', path.join(own, 'zmk/passwd'));
  await refused(/zmk\/passwd leads to "\/etc\/passwd"/);
  await rm(path.join(own, 'zmk/passwd'));
  await write(own, { 'zmk/.git/objects/info/alternates': '/elsewhere\n' });
  await refused(/objects of that repository are elsewhere/);
  await t.throwsAsync(service.export('nowhere', path.join(out, 'x.zip')), {
    message: /There is no workspace nowhere/,
  });
  await t.throwsAsync(service.import(path.join(out, 'x.zip')), { message: /cannot be read/ });
});

test('a config around a workspace, build directories and hooks are not packed', async t => {
  const { own } = await sample(t);
  await write(own, {
    '.gitignore': '/zmk/\n/zephyr/\n/.west/\n',
    'config/corne.keymap': 'mine\n',
    'secret.txt': 'mine\n',
    'zmk/app/build/CMakeCache.txt': 'x\n',
    'zmk/app/__pycache__/x.pyc': 'x\n',
  });
  await repository(own, {});
  const { collectEntries } = await import('../../../src/builder/workspace/archive/collect.ts');
  const paths = (await collectEntries(own)).map(entry => entry.path);
  t.true(paths.includes('zmk/font/.git'));
  t.deepEqual(
    paths.filter(one => /keymap|secret|build|pycache|hooks|^\.git/.test(one)),
    [],
  );
  t.is(new Set(paths).size, paths.length);
});

test('packing and unpacking can be cancelled, and leave nothing behind', async t => {
  const { own, directory } = await sample(t);
  const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
  const out = path.join(directory, 'out');
  await mkdir(out);
  const file = path.join(out, 'x.tar.gz');
  const cancelling = () => {
    const controller = new AbortController();
    return { signal: controller.signal, onProgress: () => controller.abort() };
  };
  await t.throwsAsync(service.export(own, file, cancelling()), { name: 'AbortError' });
  t.deepEqual(await readdir(out), []);
  await service.export(own, file);
  await t.throwsAsync(service.import(file, cancelling()), { name: 'AbortError' });
  t.deepEqual(await readdir(path.join(service.store.root, 'parts')), []);
  t.deepEqual(await service.list(), []);
});
