import fs from 'node:fs/promises';
import path from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { createLayoutService, KeymapFileError } from '../../../src/builder/layout/layout-service.ts';
import type { Cache } from '../../../src/cache/cache.ts';
import { createUserConfig } from '../../../src/config/index.ts';
import { createDefaultCache } from '../../../src/registry.ts';
import { makeDirectory, removeDirectory } from '../../support/temporary.ts';

interface Context {
  root: string;
  file: string;
  cache: Cache;
}

const test = anyTest as TestFn<Context>;

const KEYMAP =
  '#include <behaviors.dtsi>\n#include <dt-bindings/zmk/keys.h>\n/ { keymap { compatible = "zmk,keymap"; base { bindings = <&kp A &kp B>; }; }; };\n';

test.beforeEach(async t => {
  const root = await makeDirectory();
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
  // A shared cache of the process is still open, and may create files.
  await removeDirectory(t.context.root);
});

async function countKeys(cache: Cache): Promise<number> {
  let count = 0;
  for await (const _ of cache.keys()) count++;
  return count;
}

/** Each read stores two entries: which files matter, and the layout by their content. */
async function countReadings(cache: Cache): Promise<number> {
  return (await cache.stats()).sets / 2;
}

test('a keymap is read once per content, in whichever file that is', async t => {
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
  t.is(await countReadings(cache), 1);
});

test('a cached layout has its combos, macros and conditional layers', async t => {
  const { cache, file } = t.context;
  await fs.writeFile(
    file,
    `${KEYMAP}
/ {
  combos { compatible = "zmk,combos"; esc { key-positions = <0 1>; bindings = <&kp ESC>; layers = <0>; }; };
  macros { hi: hi { compatible = "zmk,behavior-macro"; #binding-cells = <0>; bindings = <&kp H &kp I>; }; };
  conditional_layers { compatible = "zmk,conditional-layers"; tri { if-layers = <0>; then-layer = <1>; }; };
};`,
  );
  const first = await createLayoutService({ cache }).layoutOf(file);
  t.deepEqual([first.combos?.length, first.macros?.length, first.conditionalLayers?.length], [1, 1, 1]);
  t.deepEqual(await createLayoutService({ cache }).layoutOf(file), first);
  t.is(await countReadings(cache), 1);
});

test('a cached layout is returned', async t => {
  const { cache, file } = t.context;
  const service = createLayoutService({ cache });
  const layout = await service.layoutOf(file);
  for await (const key of cache.keys()) {
    const value = await cache.get<object>(key);
    if (value !== undefined && 'layers' in value) await cache.set(key, { ...layout, layers: [] });
  }
  t.deepEqual((await service.layoutOf(file)).layers, []);
});

test('another content is another layout, and the old one is still cached', async t => {
  const { cache, file } = t.context;
  const service = createLayoutService({ cache });
  const first = await service.layoutOf(file);
  await fs.writeFile(file, KEYMAP.replace('&kp B', '&kp C'));
  t.is((await service.layoutOf(file)).layers[0]?.bindings[1]?.parameters[0], 'C');
  await fs.writeFile(file, KEYMAP);
  t.deepEqual(await service.layoutOf(file), first);
  t.is(await countReadings(cache), 2);
});

/** The keys of the first layer, as written. */
async function keysOf(cache: Cache, file: string): Promise<string> {
  const { layers, errors } = await createLayoutService({ cache }).layoutOf(file);
  if (errors.length > 0) return errors[0]!.message;
  return layers[0]!.bindings.map(({ parameters }) => parameters.join(' ')).join(' ');
}

test('a layout depends on every file that the keymap includes, directly or not', async t => {
  const { cache, file, root } = t.context;
  await fs.writeFile(file, KEYMAP.replace('/ {', '#include "keys/all.h"\n/ {').replace('&kp B', 'LAST'));
  await fs.mkdir(path.join(root, 'keys'));
  await fs.writeFile(path.join(root, 'keys/all.h'), '#include "last.h"\n');
  const last = path.join(root, 'keys/last.h');
  const keysWith = async (text: string) => {
    await fs.writeFile(last, text);
    return keysOf(cache, file);
  };
  t.is(await keysWith('#define LAST &kp X\n'), 'A X');
  t.is(await keysWith('#define LAST &kp Y\n'), 'A Y');
  t.is(await keysWith('#define LAST &kp X\n'), 'A X');
  t.is(await countReadings(cache), 2, 'the first layout was still there');
  await fs.rm(last);
  t.regex(
    await keysOf(cache, file),
    /last\.h was not found|LAST is defined in a file that was not found: last\.h/,
  );
});

test('a layout also depends on the names that were looked for in vain', async t => {
  const { cache, file, root } = t.context;
  const question = '#if __has_include("extra.h")\n#define LAST &kp X\n#else\n#define LAST &kp Y\n#endif\n';
  await fs.writeFile(file, KEYMAP.replace('/ {', `${question}/ {`).replace('&kp B', 'LAST'));
  t.is(await keysOf(cache, file), 'A Y');
  await fs.writeFile(path.join(root, 'extra.h'), '');
  t.is(await keysOf(cache, file), 'A X');
  await fs.rm(path.join(root, 'extra.h'));
  t.is(await keysOf(cache, file), 'A Y');
});

test('a new file that is found first is noticed', async t => {
  const { cache, root } = t.context;
  // The repository is a module: the keymap's own directory is searched first, then the module's devicetree root.
  const file = path.join(root, 'config/corne.keymap');
  await fs.mkdir(path.join(root, 'config'));
  await fs.mkdir(path.join(root, 'zephyr'));
  await fs.mkdir(path.join(root, 'include'));
  await fs.writeFile(path.join(root, 'zephyr/module.yml'), 'build:\n  settings:\n    dts_root: .\n');
  await fs.writeFile(path.join(root, 'include/last.h'), '#define LAST &kp X\n');
  await fs.writeFile(file, KEYMAP.replace('/ {', '#include "last.h"\n/ {').replace('&kp B', 'LAST'));
  t.is(await keysOf(cache, file), 'A X');
  await fs.writeFile(path.join(root, 'config/last.h'), '#define LAST &kp Y\n');
  t.is(await keysOf(cache, file), 'A Y');
});

test('the same config in another directory has the same layout, without being read again', async t => {
  const { cache, root } = t.context;
  for (const place of ['a', 'b/c']) {
    const directory = path.join(root, place, 'config');
    await fs.mkdir(directory, { recursive: true });
    await fs.writeFile(path.join(root, place, 'build.yaml'), '');
    await fs.writeFile(path.join(root, place, 'last.h'), '#define LAST &kp X\n');
    const source = KEYMAP.replace('/ {', '#include "../last.h"\n/ {').replace('&kp B', 'LAST');
    await fs.writeFile(path.join(directory, 'corne.keymap'), source);
    t.is(await keysOf(cache, path.join(directory, 'corne.keymap')), 'A X');
  }
  t.is(await countReadings(cache), 1);
});

test('a layout with errors is returned but not stored', async t => {
  const { cache, file } = t.context;
  await fs.writeFile(file, KEYMAP.replace('>;', '>'));
  const layout = await createLayoutService({ cache }).layoutOf(file);
  t.is(layout.errors.length, 1);
  t.is(layout.layers.length, 1);
  t.is(await countKeys(cache), 0);
});

test('an unreadable file is a typed error that names it', async t => {
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

test('without its own cache the service uses the shared one of its tag, as configured', async t => {
  const { root, file } = t.context;
  const cacheRoot = path.join(root, 'configured');
  const service = createLayoutService({ userConfig: createUserConfig({ cache: { directory: cacheRoot } }) });
  await service.layoutOf(file);
  const cache = createDefaultCache({ cacheRoot, tag: 'layout' });
  t.is(await countKeys(cache), 2);
  await cache.close();
});

test('a disabled cache does not stop the service', async t => {
  const cache = createDefaultCache({
    cacheRoot: path.join(t.context.root, 'off'),
    tag: 'layout',
    enabled: false,
  });
  const service = createLayoutService({ cache });
  t.is((await service.layoutOf(t.context.file)).layers.length, 1);
  t.is((await service.layoutOf(t.context.file)).layers.length, 1);
});
