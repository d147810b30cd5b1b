import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import {
  describeWorkspace,
  findWorkspace,
  useWorkspace,
  WorkspaceError,
  type WorkspaceEvent,
  WorkspaceService,
  workspaceIdentity,
} from '../../../src/builder/workspace/index.ts';
import { createUserConfig } from '../../../src/config/index.ts';
import { TestClock } from '../../support/clock.ts';
import { inFull } from '../../support/extent.ts';
import { makeDirectory, removeDirectory, temporaryDirectory } from '../../support/temporary.ts';
import { git, repository, workspace, write } from './repositories.ts';
import { createUpstream, installWest, LARGE, objectsOf } from './upstream.ts';

const DAY = 24 * 60 * 60 * 1000;

let bin: string;
test.before(async () => {
  bin = await makeDirectory();
  await installWest(bin);
  process.env.PATH = `${bin}:${process.env.PATH}`;
});
test.after.always(() => removeDirectory(bin));

test('a workspace is made as west.yml asks, imports included, once, and found for every such config', async t => {
  const { config, cacheRoot, directory } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  t.is(await findWorkspace(config, { cacheRoot }), undefined);
  const projects: string[] = [];
  const onEvent = (event: WorkspaceEvent) => event.type === 'project' && projects.push(event.name);
  const { workspace: made, made: isNew } = await service.create(config, { onEvent });
  t.true(isNew);
  t.deepEqual(projects, ['zmk', 'zephyr', 'hal']);
  t.is(await findWorkspace(config, { cacheRoot }), made.path);
  t.is(await readFile(path.join(made.path, 'zephyr/kernel.c'), 'utf8'), LARGE);
  t.regex(made.name, /^zmk-main-[0-9a-f]{8}$/);
  t.is(made.repository, 'up/zmk');
  t.true(made.size > LARGE.length);
  const identity = await workspaceIdentity(made.path);
  t.deepEqual(Object.keys(identity.projects), ['modules/hal', 'zephyr', 'zmk']);
  t.deepEqual(describeWorkspace(identity), []);
  t.is(await git(path.join(made.path, 'zephyr'), 'rev-list', '--count', 'HEAD'), '1');

  const again = await service.create(config, { offline: true });
  t.deepEqual([again.made, again.workspace.name], [false, made.name]);
  const other = path.join(directory, 'other');
  const text = await readFile(path.join(config, 'config/west.yml'), 'utf8');
  await write(other, { 'config/west.yml': `# The same, said otherwise\n${text}` });
  t.is(await findWorkspace(other, { cacheRoot }), made.path);
  await write(other, { 'config/west.yml': text.replace('revision: main', 'revision: v0.3') });
  t.is(await findWorkspace(other, { cacheRoot }), undefined);
});

test('in a workspace restored from a copy, git does not have to read every file for each build', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const { workspace: made } = await service.create(config);
  const copy = `${made.path}-copy`;
  await cp(made.path, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  await rm(made.path, { recursive: true });
  await rename(copy, made.path);
  const doubtful = () => git(path.join(made.path, 'zephyr'), 'diff-files', '--name-only');
  t.not(await doubtful(), '');
  t.false((await service.create(config, { offline: true })).made);
  t.is(await doubtful(), '');
});

test('a config may have its manifest where the keymaps are', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const { workspace: made } = await new WorkspaceService({ cacheRoot }).create(config);
  await rename(path.join(config, 'config'), path.join(config, 'keymaps'));
  t.is(await findWorkspace(config, { cacheRoot }), undefined);
  const userConfig = createUserConfig({ build: { configPath: 'keymaps' } });
  t.is(await findWorkspace(config, { cacheRoot, userConfig }), made.path);
});

inFull(
  'an update fetches moved projects, and leaves the older workspace in place while a build uses it',
  async t => {
    const { config, cacheRoot, push } = await createUpstream(t);
    const service = new WorkspaceService({ cacheRoot });
    const { workspace: first } = await service.create(config);
    const same = await service.update(config);
    t.deepEqual([same.made, same.workspace.name], [false, first.name]);

    const head = await push('zephyr', { 'init.c': 'init\n' });
    t.is((await service.create(config)).workspace.name, first.name, 'creating looks at nothing that moves');
    await useWorkspace(first.path, async () => {
      const before = await workspaceIdentity(first.path);
      const { workspace: second, made, removed } = await service.update(config);
      t.true(made);
      t.deepEqual(removed, []);
      t.not(second.path, first.path);
      t.deepEqual(await workspaceIdentity(first.path), before, 'what a build sees does not change');
      t.is((await workspaceIdentity(second.path)).projects.zephyr?.head, head);
      t.is(await findWorkspace(config, { cacheRoot }), second.path);
      await t.throwsAsync(service.remove(first.name), { message: /A build uses the workspace/ });
      // However long the build takes.
      const uses = path.join(service.store.root, 'uses', first.name);
      for (const use of await readdir(uses)) await utimes(path.join(uses, use), 1, 1);
      await t.throwsAsync(service.remove(first.name), { message: /A build uses the workspace/ });
    });
    const removed = await service.prune();
    t.deepEqual(
      removed.map(({ name }) => name),
      [first.name],
    );
    t.false(existsSync(first.path));
    await t.throwsAsync(
      useWorkspace(first.path, async () => t.fail()),
      { message: /was removed/ },
    );
  },
);

test('a second revision shares unchanged objects with the first, and is independent of it', async t => {
  const { config, cacheRoot, push } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const { workspace: first } = await service.create(config);
  await push('zephyr', { 'init.c': 'init\n' });
  const lines: string[] = [];
  const onEvent = (event: WorkspaceEvent) => event.type === 'output' && lines.push(event.line);
  const { workspace: second } = await useWorkspace(first.path, () => service.update(config, { onEvent }));
  const [older, newer] = [await objectsOf(first.path), await objectsOf(second.path)];
  t.true(older.size > 8);
  for (const [name, inode] of older) t.is(newer.get(name), inode, name);
  t.true(newer.size - older.size <= 3, 'a commit, a tree and a file are new');
  await service.remove(first.name);
  await git(path.join(second.path, 'zephyr'), 'fsck', '--strict');
  t.deepEqual(describeWorkspace(await workspaceIdentity(second.path)), []);
});

inFull(
  'configs whose manifests resolve to the same projects share a workspace, and can diverge later',
  async t => {
    const { config, cacheRoot, directory, push } = await createUpstream(t);
    const service = new WorkspaceService({ cacheRoot });
    const { workspace: first } = await service.create(config);
    const text = await readFile(path.join(config, 'config/west.yml'), 'utf8');
    const sibling = (name: string, manifest: string) =>
      write(path.join(directory, name), { 'config/west.yml': manifest }).then(() =>
        path.join(directory, name),
      );

    // An equivalent manifest needs no fetch: its workspace is found at once.
    const url = `file://${path.join(directory, 'up')}`;
    const renamed = await sibling(
      'renamed',
      `manifest:
  remotes: [{ name: mine, url-base: "${url}/" }]
  defaults: { remote: mine, revision: main }
  projects:
    - { import: app/west.yml, name: zmk, clone-depth: 1 }
  self: { path: keymaps }
`,
    );
    t.is(await findWorkspace(renamed, { cacheRoot }), first.path);

    // Another revision that is the same commit.
    const { head } = (await workspaceIdentity(first.path)).projects.zmk!;
    const pinned = await sibling('pinned', text.replace('revision: main', `revision: ${head}`));
    t.is(await findWorkspace(pinned, { cacheRoot }), undefined);
    const second = await service.create(pinned);
    t.deepEqual([second.made, second.workspace.path, second.removed], [false, first.path, []]);
    t.is(await findWorkspace(pinned, { cacheRoot }), first.path);
    t.is(await findWorkspace(config, { cacheRoot }), first.path);
    t.is((await service.list()).length, 1);
    t.deepEqual(await readdir(path.join(service.store.root, 'parts')), []);

    // One follows its branch, the other stays pinned, and then moves back to the older one.
    await push('zmk', { 'app/main.c': 'main\n' });
    const { workspace: moved } = await service.update(config);
    t.is(await findWorkspace(config, { cacheRoot }), moved.path);
    t.is(await findWorkspace(pinned, { cacheRoot }), first.path);
    await git(path.join(directory, 'up/zmk'), 'reset', '--hard', '-q', head);
    const back = await service.update(config);
    t.deepEqual([back.made, back.workspace.path], [false, first.path]);
    t.deepEqual(
      back.removed.map(({ path: place }) => place),
      [moved.path],
    );
    t.is(await findWorkspace(config, { cacheRoot }), first.path);
  },
);

test('projects that a newer manifest does not ask for are not in its workspace', async t => {
  const { config, cacheRoot, push } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  await service.create(config);
  await push('zephyr', { 'west.yml': 'manifest:\n  remotes: []\n  projects: []\n' });
  const { workspace: second } = await service.update(config);
  t.deepEqual(Object.keys((await workspaceIdentity(second.path)).projects), ['zephyr', 'zmk']);
  t.false(existsSync(path.join(second.path, 'modules/hal')));
});

test('a workspace that could not be completed stays hidden, and the next try fetches only the rest', async t => {
  const { config, cacheRoot, directory } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const hal = path.join(directory, 'up/hal');
  await rename(hal, `${hal}-away`);
  const error = await t.throwsAsync(service.create(config), { instanceOf: WorkspaceError });
  t.regex(error?.message ?? '', /^west update failed for hal: .*fatal: /s);
  t.deepEqual(await service.list(), []);
  t.is(await findWorkspace(config, { cacheRoot }), undefined);
  const [leftover = ''] = await readdir(path.join(service.store.root, 'parts'));
  const fetched = await objectsOf(path.join(service.store.root, 'parts', leftover));
  await rename(`${hal}-away`, hal);
  const { workspace: made } = await service.create(config);
  const objects = await objectsOf(made.path);
  for (const [name, inode] of fetched) t.is(objects.get(name), inode, name);
  t.true(fetched.size > 5);
  t.deepEqual(await readdir(path.join(service.store.root, 'parts')), []);
});

inFull('a server that accepts and never answers ends with a message that names it', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const server = createServer(() => {});
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const text = await readFile(path.join(config, 'config/west.yml'), 'utf8');
  const silent = text.replace(/url-base: "[^"]*"/, `url-base: "http://127.0.0.1:${port}"`);
  await write(config, { 'config/west.yml': silent });
  const creating = new WorkspaceService({ cacheRoot }).create(config, { stallTimeout: 1000 });
  const error = await t.throwsAsync(creating, { instanceOf: WorkspaceError });
  t.regex(
    error?.message ?? '',
    /^west update failed for zmk: fatal: unable to access 'http:\/\/127\.0\.0\.1:\d+\/zmk\/': Operation too slow\..*Run it again/,
  );
});

test('offline, only projects that were fetched before are used', async t => {
  const { config, cacheRoot, directory } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const pinned = path.join(directory, 'pinned');
  const { workspace: made } = await service.create(config);
  const { projects } = await workspaceIdentity(made.path);
  const entry = (name: string, place = name) =>
    `    - {name: ${name}, path: ${place}, remote: up, revision: ${projects[place]?.head}}\n`;
  const remotes = '  remotes:\n    - {name: up, url-base: "https://localhost:9/up"}\n';
  const all = entry('zmk') + entry('zephyr') + entry('hal', 'modules/hal');
  await write(pinned, { 'config/west.yml': `manifest:\n${remotes}  projects:\n${all}` });
  // It resolves to the existing one, wherever it would be fetched from.
  const offline = await service.create(pinned, { offline: true });
  t.deepEqual([offline.made, offline.workspace.path], [false, made.path]);
  const fewer = `manifest:\n${remotes}  projects:\n${entry('zmk') + entry('zephyr')}`;
  await write(pinned, { 'config/west.yml': fewer });
  const other = await service.create(pinned, { offline: true });
  t.true(other.made);
  t.is((await workspaceIdentity(other.workspace.path)).projects.zephyr?.head, projects.zephyr?.head);

  const moving = `manifest:\n${remotes}  projects:\n${entry('zmk').replace(/revision: \w+/, 'revision: main')}`;
  await write(pinned, { 'config/west.yml': moving });
  const error = await t.throwsAsync(service.create(pinned, { offline: true }), {
    instanceOf: WorkspaceError,
  });
  t.regex(error?.message ?? '', /transport 'https' not allowed.*without --offline/s);
});

test('an existing workspace is registered in place, and neither changed nor removed', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const own = await temporaryDirectory(t);
  await workspace(own, { zmk: { 'app/CMakeLists.txt': 'zmk\n' } });
  const before = await readdir(own, { recursive: true });
  const service = new WorkspaceService({ cacheRoot });
  const known = await service.add(own, config);
  t.is(await findWorkspace(config, { cacheRoot }), own);
  t.is((await service.create(config)).workspace.path, own, 'there is no need for another one');
  await t.throwsAsync(service.update(config), { message: /is your own. Run 'west update' there/ });
  await useWorkspace(own, async () => t.deepEqual(await readdir(own, { recursive: true }), before));
  t.deepEqual(await new WorkspaceService({ cacheRoot, clock: () => Date.now() + 1000 * DAY }).prune(), []);
  await service.remove(own);
  t.deepEqual(await service.list(), []);
  t.is(await findWorkspace(config, { cacheRoot }), undefined);
  t.deepEqual(await readdir(own, { recursive: true }), before);
  t.is(known.kind, 'added');
  await t.throwsAsync(service.add(config), { message: /is not a west workspace/ });
});

test("ZMK's own clone with a workspace in it is registered as such", async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const clone = await temporaryDirectory(t);
  await repository(clone, {
    '.gitignore': '/.west\n/zephyr\n',
    'app/CMakeLists.txt': 'project(zmk)\n',
    'app/west.yml': 'manifest: { projects: [{ name: zephyr, url: "https://example.org/os/zephyr" }] }\n',
  });
  await git(clone, 'remote', 'add', 'origin', 'https://github.com/zmkfirmware/zmk.git');
  await write(clone, { '.west/config': '[manifest]\npath = app\nfile = west.yml\n' });
  await repository(path.join(clone, 'zephyr'), { VERSION: '4\n' });
  const service = new WorkspaceService({ cacheRoot });
  const known = await service.add(clone, config);
  t.like(known, { repository: 'zmkfirmware/zmk', revision: 'main' });
  t.regex(known.name, /^zmk-main-/);
  t.is(await findWorkspace(config, { cacheRoot }), clone);
  t.is(await findWorkspace(path.join(clone, 'zmk-config'), { cacheRoot }), clone);
  t.deepEqual(Object.keys((await workspaceIdentity(clone, { configDirectory: config })).projects), [
    '.',
    'zephyr',
  ]);
});

test('a config inside a workspace is built in that one, and no other is made for it', async t => {
  const own = await temporaryDirectory(t);
  const cacheRoot = path.join(own, 'cache');
  await workspace(own, { zmk: { 'app/CMakeLists.txt': 'zmk\n' } });
  await mkdir(path.join(own, 'zmk/deep/config'), { recursive: true });
  t.is(await findWorkspace(path.join(own, 'zmk/deep/config'), { cacheRoot }), own);
  const service = new WorkspaceService({ cacheRoot });
  await t.throwsAsync(service.create(own), { message: /is in a west workspace already/ });
});

test('a config without a manifest is an error that says what is missing', async t => {
  const directory = await temporaryDirectory(t);
  const service = new WorkspaceService({ cacheRoot: path.join(directory, 'cache') });
  await t.throwsAsync(service.create(directory), { message: /has no config\/west\.yml/ });
  t.is(await findWorkspace(directory, { cacheRoot: path.join(directory, 'cache') }), undefined);
});

test('workspaces unused for longer than the TTL are removed, and used ones stay', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const clock = new TestClock();
  const userConfig = createUserConfig({ workspaces: { ttl: '7d' } });
  const service = new WorkspaceService({ cacheRoot, userConfig, clock: clock.now });
  const { workspace: made } = await service.create(config);
  clock.advance(6 * DAY);
  await useWorkspace(made.path, async () => {}, { clock: clock.now });
  clock.advance(6 * DAY);
  t.deepEqual(await service.prune(), [], 'a use counts as one');
  clock.advance(DAY + 1000);
  await useWorkspace(made.path, async () => t.deepEqual(await service.prune(), []), {
    clock: () => made.created,
  });
  t.deepEqual(
    (await service.prune()).map(({ name }) => name),
    [made.name],
  );
  t.false(existsSync(made.path));
});

inFull('over the size limit the least recently used go first, and never the one just made', async t => {
  const { config, cacheRoot, directory } = await createUpstream(t);
  const clock = new TestClock();
  const { workspace: first } = await new WorkspaceService({ cacheRoot, clock: clock.now }).create(config);
  clock.advance(DAY);
  const userConfig = createUserConfig({ workspaces: { maxSize: first.size + 1000 } });
  const service = new WorkspaceService({ cacheRoot, userConfig, clock: clock.now });
  const text = await readFile(path.join(config, 'config/west.yml'), 'utf8');
  const other = path.join(directory, 'other');
  const more = '    - {name: hal, path: modules/other, remote: up, revision: main}\n  self: {path: config}';
  await write(other, { 'config/west.yml': text.replace('  self: {path: config}', more) });
  const { workspace: second, removed } = await service.create(other);
  t.deepEqual(
    removed.map(({ name }) => name),
    [first.name],
  );
  const tight = createUserConfig({ workspaces: { maxSize: 1 } });
  const update = await new WorkspaceService({ cacheRoot, userConfig: tight }).update(other);
  t.deepEqual([update.workspace.name, update.removed], [second.name, []]);
});

test('a workspace without a record, or with a damaged one, is ignored, and removed', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const { workspace: made } = await service.create(config);
  await writeFile(path.join(service.store.root, 'records', `${made.name}.json`), '{"schema": 1');
  t.deepEqual(await service.list(), []);
  t.is(await findWorkspace(config, { cacheRoot }), undefined);
  await service.prune();
  t.false(existsSync(made.path));
  t.true((await service.create(config)).made);
});

test('pins of dead processes keep nothing', async t => {
  const { config, cacheRoot } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const { workspace: made } = await service.create(config);
  const uses = path.join(service.store.root, 'uses', made.name);
  await mkdir(uses, { recursive: true });
  const { processFilePrefix } = await import('../../../src/system/process-identity.ts');
  const host = processFilePrefix().split('-')[1];
  await writeFile(path.join(uses, `2147483000-${host}-x`), '');
  await writeFile(path.join(uses, '1-00000000-x'), '');
  await t.throwsAsync(service.remove(made.name), { message: /A build uses/ }, 'a container may still use it');
  await rm(path.join(uses, '1-00000000-x'));
  await service.remove(made.name);
  t.false(existsSync(made.path));
});
