import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLayoutService } from '../../../src/builder/layout/layout-service.ts';
import { findSearchPath } from '../../../src/builder/layout/search-path.ts';
import { WorkspaceError } from '../../../src/builder/workspace/index.ts';
import { createUserConfig } from '../../../src/config/index.ts';
import { createDefaultCache } from '../../../src/registry.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const MODULE = 'build:\n  settings:\n    dts_root: .\n';
/** Keeps the search from finding a workspace of this machine. */
const userConfig = createUserConfig({ cache: { directory: '/nonexistent' } });

/** Files by their paths; a path that ends with a slash is a directory. */
async function write(t: ExecutionContext, files: Record<string, string>): Promise<string> {
  const root = await temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(name.endsWith('/') ? file : path.dirname(file), { recursive: true });
    if (!name.endsWith('/')) await writeFile(file, text);
  }
  return root;
}

/** A workspace at `place`, whose manifest is in its directory `manifest` and names the projects. */
const west = (place: string, manifest: string, projects: Record<string, string>) => ({
  [path.join(place, '.west/config')]: `[manifest]\npath = ${manifest}\nfile = west.yml\n`,
  [path.join(place, manifest, 'west.yml')]: JSON.stringify({
    manifest: { projects: Object.entries(projects).map(([name, way]) => ({ name, path: way })) },
  }),
});

/** ZMK and Zephyr, as far as they matter here; `application` is the place of ZMK's. */
const zmk = (application: string, zephyr: string) => ({
  [`${application}/CMakeLists.txt`]: 'project(zmk)\n',
  [`${application}/include/dt-bindings/zmk/keys.h`]: '#define A 4\n#define NEW_KEY 5\n',
  [`${application}/dts/behaviors.dtsi`]: '/ { behaviors { kp: kp { #binding-cells = <1>; }; }; };\n',
  [`${application}/module/zephyr/module.yml`]: MODULE,
  [`${application}/module/dts/`]: '',
  [`${zephyr}/include/zephyr/`]: '',
  [`${zephyr}/dts/common/`]: '',
});

const CONFIG = {
  'config/x.keymap': `#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>
/ { keymap { compatible = "zmk,keymap"; base { bindings = <&kp A &kp NEW_KEY>; }; }; };
`,
  'config/west.yml': 'manifest: {}\n',
  'build.yaml': '',
};

async function directoriesOf(root: string, config = root): Promise<string[]> {
  const { directories } = await findSearchPath(path.join(config, 'config/x.keymap'), { userConfig });
  return directories.map(directory => path.relative(root, directory));
}

test('modules come first, then the config as a module, then ZMK, then the folder dts beside the keymap, then Zephyr', async t => {
  const root = await write(t, {
    ...CONFIG,
    ...west('', 'config', {
      zmk: 'zmk',
      helpers: 'modules/zmk/helpers',
      absent: 'modules/absent',
      other: 'modules/hal/other',
      first: 'a/first',
      zephyr: 'zephyr',
    }),
    'zephyr/module.yml': MODULE,
    'dts/': '',
    'config/dts/': '',
    'config/include/': '',
    'modules/zmk/helpers/zephyr/module.yml': MODULE,
    'modules/zmk/helpers/include/': '',
    'modules/zmk/helpers/dts/': '',
    'modules/hal/other/zephyr/module.yml': 'build:\n  cmake: .\n',
    'modules/hal/other/include/': '',
    'a/first/zephyr/module.yaml': 'build: { settings: { dts_root: below } }',
    'a/first/below/dts/': '',
    ...zmk('zmk/app', 'zephyr'),
  });
  t.deepEqual(await directoriesOf(root), [
    ...['modules/zmk/helpers/include', 'modules/zmk/helpers/dts', 'a/first/below/dts'],
    ...['dts', 'zmk/app/module/dts'],
    ...['zmk/app/include', 'zmk/app/dts', 'config/include', 'config/dts'],
    ...['zephyr/include', 'zephyr/include/zephyr', 'zephyr/dts/common', 'zephyr/dts'],
  ]);
});

test("ZMK's own clone is a workspace, too", async t => {
  const root = await write(t, {
    ...west('', 'app', { zephyr: 'zephyr' }),
    ...zmk('app', 'zephyr'),
    ...Object.fromEntries(Object.entries(CONFIG).map(([name, text]) => [`mine/${name}`, text])),
  });
  t.deepEqual(await directoriesOf(root, path.join(root, 'mine')), [
    ...['app/module/dts', 'app/include', 'app/dts'],
    ...['zephyr/include', 'zephyr/include/zephyr', 'zephyr/dts/common', 'zephyr/dts'],
  ]);
});

test('a workspace that is given or configured takes precedence over one that is found', async t => {
  const root = await write(t, {
    ...Object.fromEntries(Object.entries(CONFIG).map(([name, text]) => [`a/${name}`, text])),
    'a/.west/config': '',
    ...west('b', 'config', { zmk: 'zmk' }),
    ...west('c', 'config', { zmk: 'zmk' }),
    ...zmk('b/zmk/app', 'b/zephyr'),
    ...zmk('c/zmk/app', 'c/zephyr'),
  });
  const keymap = path.join(root, 'a/config/x.keymap');
  const [given, configured] = [path.join(root, 'b'), path.join(root, 'c')];
  const withOne = createUserConfig({ build: { workspace: configured } });
  const first = async (options: object) => (await findSearchPath(keymap, options)).directories[0];
  t.is(await first({ userConfig: withOne }), path.join(configured, 'zmk/app/module/dts'));
  t.is(await first({ userConfig: withOne, workspace: given }), path.join(given, 'zmk/app/module/dts'));
  const nothing = { directories: [], own: [], hasZmk: false };
  t.like(await findSearchPath(keymap, { userConfig }), nothing, 'the one that is found is not a workspace');
  await t.throwsAsync(findSearchPath(keymap, { userConfig, workspace: root }), {
    instanceOf: WorkspaceError,
    message: new RegExp(`^${root} is not a west workspace`),
  });
});

test("without a workspace only the config's own directories are searched, even if its manifest cannot be read", async t => {
  const root = await write(t, { ...CONFIG, 'config/west.yml': '{', 'zephyr/module.yml': MODULE, 'dts/': '' });
  t.deepEqual(await directoriesOf(root), ['dts']);
  await writeFile(path.join(root, 'zephyr/module.yml'), 'build: {');
  t.deepEqual(await directoriesOf(root), []);
});

test("with a workspace, ZMK's headers are read, and the layout depends on their content", async t => {
  const root = await write(t, {
    ...CONFIG,
    ...west('', 'config', { zmk: 'zmk' }),
    ...zmk('zmk/app', 'zephyr'),
  });
  const cache = createDefaultCache({ cacheRoot: path.join(root, 'cache'), tag: 'layout' });
  t.teardown(() => cache.close());
  const service = createLayoutService({ cache, userConfig });
  const keymap = path.join(root, 'config/x.keymap');
  const errors = async () => (await service.layoutOf(keymap)).errors.map(({ message }) => message);
  t.deepEqual(await errors(), []);
  t.deepEqual(await errors(), []);
  t.is((await cache.stats()).sets, 2);
  const keys = path.join(root, 'zmk/app/include/dt-bindings/zmk/keys.h');
  await writeFile(keys, '#define A 4\n');
  t.deepEqual(await errors(), ["'NEW_KEY' is not a key code of ZMK"]);
  await writeFile(keymap, CONFIG['config/x.keymap'].replace('NEW_KEY', 'GLOBE').replace('&kp A', '&to 1'));
  t.deepEqual(
    await errors(),
    ["'&to' is not defined in this version of ZMK", "'GLOBE' is not defined in this version of ZMK"],
    'though other versions have them',
  );
});
