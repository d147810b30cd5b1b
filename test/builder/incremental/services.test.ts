import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  createCompilationBuildCacheService,
  createCompilationCacheService,
  createZmkWorkspaceCacheService,
  type ServiceOptions,
} from '../../../src/builder/incremental/index.ts';
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

test('the compilation cache is the shared one of its tag, and the workspace service uses it', async t => {
  const root = await createRoot(t);
  const { cache, workspaceService } = createCompilationCacheService(undefined, { cacheRoot: root });
  t.teardown(() => cache.close());
  t.is(cache.tag, 'compilation');
  t.is(cache, createDefaultCache({ tag: 'compilation', cacheRoot: root }));
  t.is(workspaceService.cache, cache);
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
  t.teardown(() => workspaces.cache.close());
  const main = { repository: 'zmkfirmware/zmk', revision: 'main', path: path.join(root, 'main') };
  const old = { repository: 'zmkfirmware/zmk', revision: 'v0.1', path: path.join(root, 'old') };
  for (const workspace of [old, main]) {
    await mkdir(workspace.path);
    t.true(await workspaces.remember(workspace));
  }
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
  t.teardown(() => workspaces.cache.close());
  const directory = path.join(root, 'workspace');
  await mkdir(directory);
  await workspaces.remember({ repository: 'r', revision: 'main', path: directory });
  await rm(directory, { recursive: true });
  t.deepEqual(await workspaces.list(), []);
  t.is(await workspaces.find('r', 'main'), undefined);
  await mkdir(directory);
  t.is(await workspaces.find('r', 'main'), undefined, 'another directory of that name is another workspace');
});

test('a workspace without a path, repository or revision is refused', async t => {
  const root = await createRoot(t);
  const workspaces = createZmkWorkspaceCacheService(undefined, { cacheRoot: root });
  t.teardown(() => workspaces.cache.close());
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
  t.teardown(() => workspaces.cache.close());
  await workspaces.remember({ repository: 'r', revision: 'main', path: root });
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
