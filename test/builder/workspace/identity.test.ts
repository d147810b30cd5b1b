import { cpSync } from 'node:fs';
import { appendFile, chmod, mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { IdentityOptions } from '../../../src/builder/workspace/identity.ts';
import {
  describeWorkspace,
  WorkspaceError,
  type WorkspaceIdentity,
  workspaceDifferences,
  workspaceIdentity,
} from '../../../src/builder/workspace/index.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { makeDirectory, removeDirectory, temporaryDirectory } from '../../support/temporary.ts';
import { commit, git, repository, workspace, write } from './repositories.ts';

const PROJECTS = {
  zmk: { 'app/CMakeLists.txt': 'project(zmk)\n', 'app/src/main.c': 'int main;\n', '.gitignore': '*.log\n' },
  zephyr: { VERSION: 'VERSION_MAJOR = 3\n', 'kernel/init.c': 'void init;\n' },
  'modules/hal/nordic': { 'nrf.h': '#define NRF\n' },
};

let original: string;
/** What remembers indexes, also those that were written a moment ago. */
const memory: IdentityOptions = { clock: () => Date.now() + 60_000 };
test.before(async () => {
  original = await makeDirectory();
  memory.cache = createDefaultCache({ tag: 'memory', cacheRoot: await makeDirectory() });
  await workspace(original, PROJECTS);
});
test.after.always(async () => {
  await removeDirectory(original);
  await removeDirectory((await memory.cache!.stats()).directory!);
});

async function sample(t: ExecutionContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  cpSync(original, directory, { recursive: true, preserveTimestamps: true });
  return directory;
}

/**
 * Whether `change` gives the workspace another identity. All ways of computing it are compared.
 *
 * @param known the identity before the change, where a test has computed it already
 */
async function changes(
  t: ExecutionContext,
  directory: string,
  change: () => Promise<unknown>,
  known?: WorkspaceIdentity,
): Promise<{ changed: boolean; now: WorkspaceIdentity; said: string[] }> {
  const before = known ?? (await workspaceIdentity(directory));
  await workspaceIdentity(directory, memory);
  await change();
  const now = await workspaceIdentity(directory);
  t.deepEqual(await workspaceIdentity(directory, memory), now, 'what is remembered makes no difference');
  const said = workspaceDifferences(before, now);
  const changed = JSON.stringify(before) !== JSON.stringify(now);
  t.is(said.length > 0, changed, 'what is different is said, and nothing else');
  return { changed, now, said };
}

test('a workspace is identified by its manifest, its west config and the commit of every project', async t => {
  const directory = await sample(t);
  const identity = await workspaceIdentity(directory);
  t.deepEqual(Object.keys(identity.projects), ['modules/hal/nordic', 'zephyr', 'zmk']);
  const { zephyr, zmk } = identity.projects;
  t.is(zmk?.head, await git(path.join(directory, 'zmk'), 'rev-parse', 'HEAD'));
  t.is(zmk?.revision, zmk?.head);
  t.is(zephyr?.description, zephyr?.head.slice(0, 12));
  t.is(identity.settings, 'manifest.file = west.yml\nmanifest.path = config\n');
  t.deepEqual(describeWorkspace(identity), []);
  t.deepEqual(JSON.parse(JSON.stringify(identity)), identity);
});

test('the revision that west checked out is found wherever git keeps it', async t => {
  const directory = await sample(t);
  const before = await workspaceIdentity(directory);
  await git(path.join(directory, 'zmk'), 'pack-refs', '--all');
  await git(path.join(directory, 'zephyr'), 'symbolic-ref', 'refs/heads/manifest-rev', 'refs/heads/main');
  t.deepEqual(await workspaceIdentity(directory), before);
  await git(path.join(directory, 'zmk'), 'update-ref', '-d', 'refs/heads/manifest-rev');
  t.is((await workspaceIdentity(directory)).projects.zmk?.revision, undefined);
});

test('paths and timestamps do not affect the identity', async t => {
  const directory = await sample(t);
  const before = await workspaceIdentity(directory);
  const elsewhere = `${directory}-moved`;
  t.teardown(() => rm(elsewhere, { recursive: true, force: true }));
  await rename(directory, elsewhere);
  await utimes(path.join(elsewhere, 'zmk/app/src/main.c'), 1, 1);
  t.deepEqual(await workspaceIdentity(elsewhere), before);
});

test('another commit, an edit, a new file, a removed one and undoing each are noticed', async t => {
  const directory = await sample(t);
  const main = path.join(directory, 'zmk/app/src/main.c');
  const clean = await workspaceIdentity(directory);
  const edited = await changes(t, directory, () => appendFile(main, '// more\n'), clean);
  t.deepEqual(edited.said, ['zmk has other uncommitted changes: app/src/main.c']);
  t.deepEqual(describeWorkspace(edited.now), ['zmk has a change that is not committed: app/src/main.c']);
  const again = await changes(t, directory, () => appendFile(main, '// and more\n'), edited.now);
  t.true(again.changed, 'the content counts, not that there is a change');
  const stage = () => git(path.join(directory, 'zmk'), 'add', '-A');
  const staged = await changes(t, directory, stage, again.now);
  t.false(staged.changed, 'what is staged makes no difference to a compiler');
  await writeFile(main, PROJECTS.zmk['app/src/main.c']);
  await git(path.join(directory, 'zmk'), 'reset', '-q');
  t.deepEqual(await workspaceIdentity(directory), clean);

  const writing = (content: string) => () => write(directory, { 'zmk/app/a b/ü.c': content });
  const added = await changes(t, directory, writing('x'), clean);
  t.deepEqual(added.now.projects.zmk?.changes?.files, ['app/a b/ü.c']);
  t.true((await changes(t, directory, writing('y'), added.now)).changed);
  await rm(path.join(directory, 'zmk/app/a b'), { recursive: true });
  t.deepEqual(await workspaceIdentity(directory), clean);
  t.true((await changes(t, directory, () => rm(main), clean)).changed);
  await writeFile(main, PROJECTS.zmk['app/src/main.c']);
  t.true((await changes(t, directory, () => chmod(main, 0o755), clean)).changed);
  await rm(main);
  const linked = await changes(t, directory, () => symlink('/dev/null', main));
  t.true(linked.changed);
  const retarget = () => rm(main).then(() => symlink('/dev/zero', main));
  t.true((await changes(t, directory, retarget, linked.now)).changed);
});

test('files that Python, npm, editors and builds leave in the sources do not count, ignored or not', async t => {
  const directory = await sample(t);
  const { changed } = await changes(t, directory, () =>
    write(directory, {
      'zmk/x.log': 'x',
      'zmk/app/scripts/__pycache__/x.cpython-311.pyc': 'x',
      'zmk/app/build/CMakeCache.txt': 'x',
      'zmk/app/build/zephyr/include/x.h': 'x',
      'build/left/CMakeCache.txt': 'x',
      'zephyr/.git/info/exclude': '/build*/\n.venv\nnode_modules\n.cache\n*.swp\ncompile_commands.json\n',
      'zephyr/build-left/CMakeCache.txt': 'x',
      'zephyr/build-left/zephyr/include/generated/autoconf.h': 'x',
      'zephyr/.venv/pyvenv.cfg': 'x',
      'zephyr/.venv/lib/x.h': 'x',
      'zephyr/doc/node_modules/x/x.h': 'x',
      'zephyr/.cache/ToolchainCapabilityDatabase/a1b2': 'x',
      'zephyr/kernel/.init.c.swp': 'x',
      'zephyr/compile_commands.json': '[]',
    }),
  );
  t.false(changed);
});

test('files that git ignores count, whichever ignore file says so', async t => {
  const directory = await sample(t);
  const zmk = path.join(directory, 'zmk');
  const excludes = path.join(directory, 'excludes');
  await write(directory, {
    'zmk/.git/info/exclude': 'mine\n',
    excludes: '*.secret.conf\n',
    'zephyr/.git/info/exclude': '*.dtsi\n',
  });
  await git(zmk, 'config', 'core.excludesFile', excludes);
  await commit(zmk, { '.gitignore': '*.log\nprivate/\n' });
  let before = await workspaceIdentity(directory);
  const ignored: [file: string, name: string][] = [
    ['app/boards/shields/mine/mine.overlay', 'app/boards/shields/mine/mine.overlay'],
    ['app/boards/shields/corne/corne.secret.conf', 'app/boards/shields/corne/corne.secret.conf'],
    ['app/private/deep/er/x.c', 'app/private/deep/er/x.c'],
  ];
  for (const [file, name] of ignored) {
    for (const content of ['a', 'b']) {
      const { said, now } = await changes(t, directory, () => write(zmk, { [file]: content }), before);
      t.regex(said.join(), new RegExp(`^zmk has other files that git ignores or links to: .*${name}`), file);
      before = now;
    }
    const removed = await changes(t, directory, () => rm(path.join(zmk, file)), before);
    t.true(removed.changed);
    before = removed.now;
  }
  const later = await changes(t, directory, () => write(directory, { 'zephyr/dts/x.dtsi': 'x' }), before);
  t.deepEqual(later.said, ['zephyr has other files that git ignores or links to: dts/x.dtsi']);
  t.deepEqual(describeWorkspace(later.now), describeWorkspace(before), 'nothing is wrong with them');
});

test('a repository that git ignores is a project as well', async t => {
  const directory = await sample(t);
  await write(directory, { 'zmk/.git/info/exclude': 'mine\n' });
  await repository(path.join(directory, 'zmk/app/mine/module'), { 'a.c': 'a' });
  const edit = () => appendFile(path.join(directory, 'zmk/app/mine/module/a.c'), 'x');
  t.deepEqual((await changes(t, directory, edit)).said, [
    'zmk/app/mine/module has other uncommitted changes: a.c',
  ]);
});

test('files behind a link that leads out of the project count, committed, new or ignored', async t => {
  const directory = await sample(t);
  const zmk = path.join(directory, 'zmk');
  const elsewhere = await temporaryDirectory(t);
  await write(elsewhere, { 'mine/mine.overlay': '/ { };', 'x.conf': 'CONFIG_A=y' });
  await mkdir(path.join(zmk, 'app/boards/shields'), { recursive: true });
  await symlink(path.join(elsewhere, 'mine'), path.join(zmk, 'app/boards/shields/mine'));
  await symlink(path.join(elsewhere, 'x.conf'), path.join(zmk, 'app/x.conf'));
  await symlink('../app/src', path.join(zmk, 'app/inside'));
  const edits = [
    () => appendFile(path.join(elsewhere, 'mine/mine.overlay'), '// more'),
    (how: string) => write(elsewhere, { [`mine/deep/${how}.h`]: '' }),
    () => appendFile(path.join(elsewhere, 'x.conf'), '# more'),
  ];
  for (const how of ['new', 'ignored', 'committed']) {
    if (how === 'ignored') await write(zmk, { '.git/info/exclude': 'mine\n*.conf\n' });
    if (how === 'committed') {
      await write(zmk, { '.git/info/exclude': '' });
      await commit(zmk, {});
    }
    for (const edit of edits) t.true((await changes(t, directory, () => edit(how))).changed, how);
  }
  const self = await temporaryDirectory(t);
  await symlink('/', path.join(self, 'all'));
  await symlink(self, path.join(zmk, 'app/too-much'));
  const error = await t.throwsAsync(workspaceIdentity(directory), { instanceOf: WorkspaceError });
  t.regex(error?.message ?? '', /link .*zmk\/app\/too-much leads to .* too large/);
});

test('a project in the wrong place is reported with the place where it should be', async t => {
  const directory = await sample(t);
  const before = await workspaceIdentity(directory);
  const move = () => commit(path.join(directory, 'zephyr'), { 'kernel/init.c': 'void other;\n' });
  const { said, now } = await changes(t, directory, move, before);
  const [was, is] = [before.projects.zephyr!.head.slice(0, 7), now.projects.zephyr!.head.slice(0, 7)];
  t.deepEqual(said, [`zephyr moved ${was} → ${is}`]);
  t.deepEqual(describeWorkspace(now), [
    `zephyr is moved: ${is} is checked out, the manifest asks for ${was}`,
  ]);
});

test('a tag that git describe sees is part of Zephyr, and a lightweight one is not', async t => {
  const directory = await sample(t);
  const zephyr = path.join(directory, 'zephyr');
  const light = await changes(t, directory, () => git(zephyr, 'tag', 'light'));
  t.false(light.changed);
  const annotate = () => git(zephyr, 'tag', '-a', '-m', 'x', 'v9.9.9');
  const { said } = await changes(t, directory, annotate, light.now);
  t.regex(said[0] ?? '', /^zephyr calls itself v9\.9\.9, not [0-9a-f]{12}$/);
});

test('changes that git was told to ignore are noticed', async t => {
  const directory = await sample(t);
  const zmk = path.join(directory, 'zmk');
  for (const flag of ['--assume-unchanged', '--skip-worktree']) {
    await git(zmk, 'update-index', flag, 'app/src/main.c');
    const edited = () => appendFile(path.join(zmk, 'app/src/main.c'), '// hidden\n');
    t.true((await changes(t, directory, edited)).changed, flag);
    await git(zmk, 'update-index', flag.replace('--', '--no-'), 'app/src/main.c');
  }
});

test('a repository inside a project, and a linked one, are projects as well', async t => {
  const directory = await sample(t);
  await repository(path.join(directory, 'zmk/app/module'), { 'a.c': 'a' });
  const elsewhere = await temporaryDirectory(t);
  await repository(elsewhere, { 'b.c': 'b' });
  await symlink(elsewhere, path.join(directory, 'linked'));
  const edited = (file: string, before?: WorkspaceIdentity) =>
    changes(t, directory, () => appendFile(file, 'x'), before);
  const inner = await edited(path.join(directory, 'zmk/app/module/a.c'));
  t.deepEqual(inner.said, ['zmk/app/module has other uncommitted changes: a.c']);
  t.deepEqual((await edited(path.join(elsewhere, 'b.c'), inner.now)).said, [
    'linked has other uncommitted changes: b.c',
  ]);
});

test('a submodule counts with its checked-out content', async t => {
  const directory = await sample(t);
  const upstream = await temporaryDirectory(t);
  await repository(upstream, { 'font.c': 'font' });
  const zmk = path.join(directory, 'zmk');
  await git(zmk, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', upstream, 'font');
  await commit(zmk, {});
  const edit = () => appendFile(path.join(zmk, 'font/font.c'), 'x');
  const edited = await changes(t, directory, edit);
  t.deepEqual(edited.now.projects.zmk?.changes?.files, ['font']);
  const more = await changes(t, directory, edit, edited.now);
  t.true(more.changed);
  const gone = () => git(zmk, 'submodule', '--quiet', 'deinit', '-f', 'font');
  await git(path.join(zmk, 'font'), 'checkout', '-q', '.');
  t.true((await changes(t, directory, gone)).changed);
});

test('the content of the manifest counts, its comments do not', async t => {
  const directory = await sample(t);
  const manifest = path.join(directory, 'config/west.yml');
  const noted = await changes(t, directory, () => appendFile(manifest, '# a note\n'));
  t.false(noted.changed);
  const self = () => appendFile(manifest, '  self: {path: config}\n');
  const placed = await changes(t, directory, self, noted.now);
  t.false(placed.changed);
  const filter = () => appendFile(manifest, '  group-filter: [-hal]\n');
  const { said, now } = await changes(t, directory, filter, placed.now);
  t.deepEqual(said, ['west.yml changed']);
  const settings = () => appendFile(path.join(directory, '.west/config'), '[build]\ngenerator = Ninja\n');
  t.deepEqual((await changes(t, directory, settings, now)).said, ['.west/config changed']);
});

test("west's additions to its config at the first build do not count", async t => {
  const directory = await sample(t);
  const file = path.join(directory, '.west/config');
  await writeFile(file, '[manifest]\npath = config\nfile = west.yml\n');
  const { changed, now } = await changes(t, directory, () =>
    writeFile(file, '; west\n[zephyr]\nbase = zephyr\n\n[manifest]\nfile: west.yml\npath = config\n'),
  );
  t.false(changed);
  t.true((await changes(t, directory, () => appendFile(file, 'group-filter = +a,\n  +b\n'), now)).changed);
});

test("the config's own repository is not part of the workspace around it, ZMK's always is", async t => {
  const directory = await sample(t);
  await write(directory, { '.gitignore': '/zmk/\n/zephyr/\n/modules/\n/.west/\n' });
  await repository(directory, { 'build.yaml': 'board: []\n', 'config/corne.keymap': '/ {};\n' });
  const of = (configDirectory: string) => workspaceIdentity(directory, { configDirectory });
  const before = await of(directory);
  t.deepEqual(Object.keys(before.projects), ['modules/hal/nordic', 'zephyr', 'zmk']);
  await commit(directory, { 'config/corne.keymap': '/ { x; };\n' });
  t.deepEqual(await of(directory), before);
  t.true('.' in (await workspaceIdentity(directory)).projects, 'without a particular config it counts');
  await mkdir(path.join(directory, 'zmk/my-config'));
  t.true('zmk' in (await of(path.join(directory, 'zmk/my-config'))).projects);
});

test("in ZMK's own clone, files of other projects and of the config that git hides do not count as ZMK's", async t => {
  const directory = await temporaryDirectory(t);
  const ignore = '/.west/\n/zephyr/\n/modules/\n/zmk-config/\n/firmware/\n';
  await write(directory, {
    '.west/config': '[manifest]\npath = app\n',
    '.gitignore': ignore,
    'app/CMakeLists.txt': 'project(zmk)\n',
    'app/west.yml': 'manifest: { projects: [] }\n',
  });
  await repository(directory, {});
  await repository(path.join(directory, 'zephyr'), { VERSION: 'VERSION_MAJOR = 3\n' });
  await repository(path.join(directory, 'modules/hal/nordic'), { 'nrf.h': '' });
  const config = path.join(directory, 'zmk-config');
  const of = (options = {}) => workspaceIdentity(directory, { configDirectory: config, ...options });
  const edit = (value: string) => write(config, { 'build.yaml': value, 'config/corne.keymap': value });
  for (const isHidden of [true, false]) {
    await write(directory, { '.gitignore': isHidden ? ignore : ignore.replace('/zmk-config/\n', '') });
    await edit('a');
    const before = await of();
    t.deepEqual(Object.keys(before.projects), ['.', 'modules/hal/nordic', 'zephyr']);
    t.is(before.projects['.']?.unversioned, undefined);
    await edit('b');
    t.deepEqual(await of(), before);
    const elsewhere = await of({ configDirectory: undefined });
    t.true(JSON.stringify(elsewhere).includes('zmk-config/build.yaml'), 'for another config it counts');
    await write(directory, { 'zephyr/VERSION': isHidden ? '4' : '5', 'app/hidden/a.conf': String(isHidden) });
    t.deepEqual(workspaceDifferences(before, await of()), [
      "the workspace's own repository has other uncommitted changes: app/hidden/a.conf".replace(
        'changes: ',
        isHidden ? 'changes: ' : 'changes: .gitignore, ',
      ),
      'zephyr has other uncommitted changes: VERSION',
    ]);
  }
  await repository(config, {});
  t.deepEqual(Object.keys((await of()).projects), ['.', 'modules/hal/nordic', 'zephyr']);
});

test('a directory that is not a workspace is reported as such', async t => {
  const directory = await temporaryDirectory(t);
  const error = await t.throwsAsync(workspaceIdentity(directory), { instanceOf: WorkspaceError });
  t.regex(error?.message ?? '', /is not a west workspace/);
  await write(directory, { '.west/config': '[manifest]\n' });
  await t.throwsAsync(workspaceIdentity(directory), { message: /manifest\.path/ });
  await write(directory, { '.west/config': '[manifest]\npath = config\n', 'config/west.yml': 'a: [' });
  await t.throwsAsync(workspaceIdentity(directory), { message: /west\.yml is not valid YAML/ });
});

test('a damaged repository is an error that names it', async t => {
  const directory = await sample(t);
  await writeFile(path.join(directory, 'zmk/.git/HEAD'), 'nonsense');
  const error = await t.throwsAsync(workspaceIdentity(directory), { instanceOf: WorkspaceError });
  t.true(error?.message.includes(path.join(directory, 'zmk')));
});

test('computing the identity can be cancelled, and writes nothing', async t => {
  const directory = await sample(t);
  await t.throwsAsync(workspaceIdentity(directory, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const index = path.join(directory, 'zmk/.git/index');
  await chmod(path.join(directory, 'zmk/.git'), 0o555);
  t.teardown(() => chmod(path.join(directory, 'zmk/.git'), 0o755));
  await utimes(path.join(directory, 'zmk/app/src/main.c'), 5, 5);
  const { mtimeMs } = await stat(index);
  await workspaceIdentity(directory);
  t.is((await stat(index)).mtimeMs, mtimeMs);
});
