import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createCompilationCacheService } from '../../../src/builder/compilation-cache.ts';
import {
  createCompilationBuildCacheService,
  type ServiceOptions,
} from '../../../src/builder/incremental/index.ts';
import { WorkspaceStore, workspaceRoot } from '../../../src/builder/workspace/store.ts';
import { createZmkWorkspaceCacheService } from '../../../src/builder/workspace/zmk-workspace-cache.ts';
import type { TagConfig, UserConfig } from '../../../src/config/user-config.ts';
import { InvalidArgumentError } from '../../../src/errors.ts';
import { createDefaultCache } from '../../../src/registry.ts';

const DAY = 24 * 60 * 60 * 1000;
const INPUTS = { files: [], directories: [], absent: [], declared: 'x' };

async function createRoot(t: ExecutionContext): Promise<string> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'services-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  return root;
}

function configOf(directory: string, ttl?: string): UserConfig {
  const tags: Record<string, TagConfig> = ttl ? { compilation: { ttl } } : {};
  return { cache: { directory, tags }, build: {}, toolchains: {}, sources: [] };
}

/** A directory that west takes for a workspace. */
async function createWorkspace(root: string, name: string): Promise<string> {
  const directory = path.join(root, name);
  await mkdir(path.join(directory, '.west'), { recursive: true });
  await writeFile(path.join(directory, '.west', 'config'), '');
  return directory;
}

test('the compilation cache is the shared one of its tag', async t => {
  const root = await createRoot(t);
  const { cache } = createCompilationCacheService(undefined, { cacheRoot: root });
  t.teardown(() => cache.close());
  t.is(cache.tag, 'compilation');
  t.is(cache, createDefaultCache({ tag: 'compilation', cacheRoot: root }));
  t.is(createCompilationBuildCacheService(undefined, { cacheRoot: root }).cache, cache);
});

test('the configuration sets the cache directory', async t => {
  const root = await createRoot(t);
  const { cache } = createCompilationCacheService(configOf(root));
  t.teardown(() => cache.close());
  t.is((await cache.stats()).directory, path.join(root, 'compilation'));
});

test('workspaces are remembered by repository and revision', async t => {
  const root = await createRoot(t);
  const workspaces = createZmkWorkspaceCacheService(undefined, { cacheRoot: root, clock: () => 1000 });
  const place = (name: string) => createWorkspace(root, name);
  const main = { repository: 'zmkfirmware/zmk', revision: 'main', path: await place('main') };
  const old = { repository: 'zmkfirmware/zmk', revision: 'v0.1', path: await place('old') };
  for (const workspace of [old, main]) t.true(await workspaces.remember(workspace));
  t.deepEqual(await workspaces.find('zmkfirmware/zmk', 'main'), { ...main, created: 1000 });
  t.is(await workspaces.find('zmkfirmware/zmk', 'v9'), undefined);
  t.deepEqual(
    (await workspaces.list()).map(({ revision }) => revision),
    ['main', 'v0.1'],
  );
  t.true(await workspaces.forget('zmkfirmware/zmk', 'main'));
  t.false(await workspaces.forget('zmkfirmware/zmk', 'main'));
  t.is(await workspaces.find('zmkfirmware/zmk', 'main'), undefined);
});

test('a workspace whose directory was removed is not found', async t => {
  const root = await createRoot(t);
  const workspaces = createZmkWorkspaceCacheService(undefined, { cacheRoot: root });
  const directory = await createWorkspace(root, 'workspace');
  await workspaces.remember({ repository: 'r', revision: 'main', path: directory });
  await rm(directory, { recursive: true });
  t.deepEqual(await workspaces.list(), []);
  t.is(await workspaces.find('r', 'main'), undefined);
  await mkdir(directory);
  t.is(await workspaces.find('r', 'main'), undefined, 'a directory of that name is not a workspace yet');
});

test('a directory that is not a west workspace is not remembered', async t => {
  const root = await createRoot(t);
  const workspaces = createZmkWorkspaceCacheService(undefined, { cacheRoot: path.join(root, 'cache') });
  t.false(await workspaces.remember({ repository: 'r', revision: 'main', path: root }));
  t.deepEqual(await workspaces.list(), []);
});

test('the workspaces are those of the workspace store', async t => {
  const root = await createRoot(t);
  let now = 1000;
  const workspaces = createZmkWorkspaceCacheService(undefined, { cacheRoot: root, clock: () => now });
  const store = new WorkspaceStore(workspaceRoot(undefined, root));
  const first = await createWorkspace(root, 'first');
  const second = await createWorkspace(root, 'second');
  await workspaces.remember({ repository: 'r', revision: 'main', path: first });
  now += 1000;
  await workspaces.remember({ repository: 'r', revision: 'main', path: second });
  t.deepEqual(
    (await store.list()).map(known => [known.kind, known.path]),
    [
      ['added', second],
      ['added', first],
    ],
  );
  t.is((await workspaces.find('r', 'main'))?.path, second, 'the newest one');
  const known = (await store.at(first))!;
  const directory = store.pathOf('made');
  await createWorkspace(path.dirname(directory), path.basename(directory));
  await store.record({ ...known, name: 'made', kind: 'made', path: directory, created: 3000 });
  t.is((await workspaces.find('r', 'main'))?.path, directory, 'also one that Glovebox manages');
  t.true(await workspaces.forget('r', 'main'));
  t.false(await workspaces.forget('r', 'main'), 'a managed one is not forgotten');
  t.deepEqual(
    (await workspaces.list()).map(workspace => workspace.path),
    [directory],
  );
});

test('a workspace without a path, repository or revision is refused', async t => {
  const root = await createRoot(t);
  const workspaces = createZmkWorkspaceCacheService(undefined, { cacheRoot: root });
  const workspace = { repository: 'r', revision: 'main', path: '' };
  const error = await t.throwsAsync(workspaces.remember(workspace), { instanceOf: InvalidArgumentError });
  t.regex(error.message, /path/);
});

test('workspaces are remembered for thirty days and builds for seven', async t => {
  const root = await createRoot(t);
  let now = 1_700_000_000_000;
  const options: ServiceOptions = { cacheRoot: root, clock: () => now };
  const workspaces = createZmkWorkspaceCacheService(undefined, options);
  const builds = createCompilationBuildCacheService(undefined, options);
  t.teardown(() => builds.cache.close());
  await workspaces.remember({
    repository: 'r',
    revision: 'main',
    path: await createWorkspace(root, 'workspace'),
  });
  await builds.remember('base', INPUTS);
  now += 7 * DAY - 1000;
  t.truthy(await builds.manifest('base'));
  now += 2000;
  t.is(await builds.manifest('base'), undefined);
  t.truthy(await workspaces.find('r', 'main'));
  now += 23 * DAY;
  t.is(await workspaces.find('r', 'main'), undefined);
});

test('the configuration sets how long builds are remembered', async t => {
  const root = await createRoot(t);
  let now = 1_700_000_000_000;
  const builds = createCompilationBuildCacheService(configOf(root, '1h'), { clock: () => now });
  t.teardown(() => builds.cache.close());
  await builds.remember('base', INPUTS);
  now += 3_599_000;
  t.truthy(await builds.manifest('base'));
  now += 2000;
  t.is(await builds.manifest('base'), undefined);
});
