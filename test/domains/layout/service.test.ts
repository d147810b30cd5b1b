import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import anyTest, { type TestFn } from 'ava';
import type { Cache } from '../../../src/cache/cache.ts';
import { createUserConfig } from '../../../src/config/index.ts';
import { createDefaultCache } from '../../../src/coordinator/index.ts';
import { createLayoutService, KeymapFileError } from '../../../src/domains/layout/index.ts';

interface Context {
  root: string;
  file: string;
  cache: Cache;
}

const test = anyTest as TestFn<Context>;

const KEYMAP = '/ { keymap { compatible = "zmk,keymap"; base { bindings = <&kp A &kp B>; }; }; };\n';

test.beforeEach(async t => {
  const root = await fs.mkdtemp(path.join(os.tmpdir(), 'glovebox-layout-'));
  const file = path.join(root, 'corne.keymap');
  await fs.writeFile(file, KEYMAP);
  t.context = {
    root,
    file,
    cache: createDefaultCache({ cacheRoot: path.join(root, 'cache'), tag: 'layout' }),
  };
});

test.afterEach.always(async t => {
  await t.context.cache.close();
  await fs.rm(t.context.root, { recursive: true, force: true });
});

async function countKeys(cache: Cache): Promise<number> {
  let count = 0;
  for await (const _ of cache.keys()) count++;
  return count;
}

test('a keymap is parsed once for each content, whatever file it is in', async t => {
  const { cache, file, root } = t.context;
  const service = createLayoutService({ cache });
  const first = await service.layoutOf(file);
  t.deepEqual(
    first.layers[0]?.bindings.map(({ parameters }) => parameters[0]),
    ['A', 'B'],
  );
  const copy = path.join(root, 'copy.keymap');
  await fs.copyFile(file, copy);
  t.deepEqual(await createLayoutService({ cache }).layoutOf(copy), first);
  t.like(await cache.stats(), { count: 1, sets: 1, hits: 1 });
});

test('what is in the cache is what is returned', async t => {
  const { cache, file } = t.context;
  const service = createLayoutService({ cache });
  const layout = await service.layoutOf(file);
  for await (const key of cache.keys()) await cache.set(key, { ...layout, layers: [] });
  t.deepEqual((await service.layoutOf(file)).layers, []);
});

test('another content is another layout, and the old one is still there', async t => {
  const { cache, file } = t.context;
  const service = createLayoutService({ cache });
  const first = await service.layoutOf(file);
  await fs.writeFile(file, KEYMAP.replace('&kp B', '&kp C'));
  t.is((await service.layoutOf(file)).layers[0]?.bindings[1]?.parameters[0], 'C');
  await fs.writeFile(file, KEYMAP);
  t.deepEqual(await service.layoutOf(file), first);
  t.is(await countKeys(cache), 2);
});

test('a layout with errors is returned but not stored', async t => {
  const { cache, file } = t.context;
  await fs.writeFile(file, KEYMAP.replace('>;', '>'));
  const layout = await createLayoutService({ cache }).layoutOf(file);
  t.is(layout.errors.length, 1);
  t.is(layout.layers.length, 1);
  t.is(await countKeys(cache), 0);
});

test('a file that cannot be read is a typed error that names it', async t => {
  const { cache, root } = t.context;
  const service = createLayoutService({ cache });
  const absent = path.join(root, 'absent.keymap');
  const error = await t.throwsAsync(service.layoutOf(absent), { instanceOf: KeymapFileError });
  t.is(error.code, 'GLOVEBOX_KEYMAP_FILE');
  t.is(error.message, `${absent}: there is no such file.`);
  await t.throwsAsync(service.layoutOf(root), { instanceOf: KeymapFileError });
  const huge = path.join(root, 'huge.keymap');
  await fs.writeFile(huge, '');
  await fs.truncate(huge, 2 ** 33);
  await t.throwsAsync(service.layoutOf(huge), { instanceOf: KeymapFileError, message: /8589934592 bytes/ });
});

test('without a cache of its own it uses the shared one of its tag, as configured', async t => {
  const { root, file } = t.context;
  const cacheRoot = path.join(root, 'configured');
  const service = createLayoutService({ userConfig: createUserConfig({ cache: { directory: cacheRoot } }) });
  await service.layoutOf(file);
  const cache = createDefaultCache({ cacheRoot, tag: 'layout' });
  t.is(await countKeys(cache), 1);
  await cache.close();
});

test('a disabled cache does not keep it from working', async t => {
  const cache = createDefaultCache({
    cacheRoot: path.join(t.context.root, 'off'),
    tag: 'layout',
    enabled: false,
  });
  const service = createLayoutService({ cache });
  t.is((await service.layoutOf(t.context.file)).layers.length, 1);
  t.is((await service.layoutOf(t.context.file)).layers.length, 1);
});
