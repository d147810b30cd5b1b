import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type ObserveOptions,
  observeZephyrBuild,
} from '../../../../src/builder/toolchains/observed/index.ts';
import type { ObservedInputs } from '../../../../src/builder/toolchains/toolchain.ts';
import { ninjaDeps } from './records.ts';
import { workspaceFiles, writeFiles } from './workspace.ts';
import { buildZmk, type ZmkBuild } from './zmk.ts';

const CONFIG = {
  'config/west.yml': 'manifest:\n',
  'config/corne.keymap':
    '#include <behaviors.dtsi>\n#include "shared.dtsi"\n#include <dt-bindings/zmk/keys.h>\n',
  'config/corne.conf': 'CONFIG_ZMK_SLEEP=y\n',
  'config/lily58.keymap': '#include "shared.dtsi"\n',
  'config/lily58.conf': 'CONFIG_ZMK_USB=y\n',
  'config/shared.dtsi': '/ { combos { }; };\n',
  'config/unused.dtsi': '/ { };\n',
};

const SHIELD_FILES = {
  'boards/shields/mine/Kconfig.shield': 'config SHIELD_MINE\n',
  'boards/shields/mine/mine.overlay': '#include "mine.dtsi"\n',
  'boards/shields/mine/mine.dtsi': '/ { };\n',
  'boards/shields/mine/mine.zmk.yml': 'id: mine\n',
};

interface Place {
  root: string;
  repository: string;
  workspace: string;
  build: string;
  put(files: Record<string, string>): void;
  /** Builds a shield for nice_nano_v2 and collects the inputs that it read. */
  observe(
    shield: string,
    more?: Partial<ZmkBuild>,
    options?: Partial<ObserveOptions>,
  ): Promise<ObservedInputs | undefined>;
  /** Collects the inputs from the records; undefined when these prove nothing. */
  again(options?: Partial<ObserveOptions>): Promise<ObservedInputs | undefined>;
}

async function place(t: ExecutionContext, files: Record<string, string> = CONFIG): Promise<Place> {
  const root = await realpath(await mkdtemp(path.join(os.tmpdir(), 'observed-')));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const made: Place = {
    root,
    repository: path.join(root, 'repository'),
    workspace: path.join(root, 'workspace'),
    build: path.join(root, 'build'),
    put: content => writeFiles(made.repository, content),
    observe(shield, more, options) {
      rmSync(made.build, { recursive: true, force: true });
      const config = path.join(made.repository, 'config');
      buildZmk({ workspace: made.workspace, config, board: 'nice_nano_v2', shield, ...more }, made.build);
      return made.again(options);
    },
    async again(options) {
      const traced = await observeZephyrBuild({
        buildDirectory: made.build,
        configDirectory: made.repository,
        workspace: made.workspace,
        ...options,
      });
      return 'untraceable' in traced ? undefined : traced.observed;
    },
  };
  writeFiles(made.workspace, workspaceFiles());
  made.put(files);
  return made;
}

/** Paths relative to the repository. */
function within(place: Place, files: readonly string[] | undefined): string[] {
  return (files ?? []).map(file => path.relative(place.repository, file));
}

test('files of the config that a build read are inputs, and no others', async t => {
  const here = await place(t);
  const observed = await here.observe('corne_left');
  t.deepEqual(within(here, observed?.files), [
    'config/corne.conf',
    'config/corne.keymap',
    'config/shared.dtsi',
    'config/west.yml',
  ]);
  t.deepEqual(observed?.directories, []);
  t.is(observed?.declared, undefined);
});

test('every name under which ZMK looks for a file is an input while it is missing', async t => {
  const here = await place(t);
  const absent = within(here, (await here.observe('corne_left'))?.absent);
  const looked = [
    ...['corne_left.keymap', 'corne_left.conf', 'corne_left.overlay', 'corne.overlay'],
    ...['corne_left_nice_nano_v2.conf', 'corne_nice_nano_v2.conf', 'corne_nice_nano_v2.overlay'],
    ...[
      'nice_nano_v2.keymap',
      'nice_nano_v2.conf',
      'nice_nano_v2.overlay',
      'nice_nano.keymap',
      'nice_nano.conf',
    ],
    ...['default.conf', 'default.overlay', '_nice_nano_v2.conf', '.conf'],
    ...['boards', 'dts', 'include'],
  ];
  for (const name of looked) t.true(absent.includes(`config/${name}`), name);
  for (const name of ['lily58.overlay', 'corne_right.conf', 'corne.conf'])
    t.false(absent.includes(`config/${name}`), name);
  t.true(absent.includes('zephyr/module.yml'));
});

test('a long shield name is shortened at every underscore', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  const file = path.join(here.build, 'CMakeCache.txt');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('=corne_left', '=kyria_rev2_left nice_view'));
  const absent = within(here, (await here.again())?.absent);
  for (const name of ['kyria_rev2_left', 'kyria_rev2', 'kyria', 'nice_view', 'nice']) {
    t.true(absent.includes(`config/${name}.keymap`), name);
  }
});

test('board names with revision and qualifiers are known in the form of newer Zephyr versions', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  const config = path.join(here.build, 'zephyr/.config');
  writeFileSync(config, 'CONFIG_BOARD="nice_nano"\nCONFIG_BOARD_TARGET="nice_nano@2.0.0/nrf52840/zmk"\n');
  const absent = within(here, (await here.again())?.absent);
  for (const name of [
    'nice_nano_2_0_0',
    'nice_nano_nrf52840_zmk',
    'nice_nano_2_0_0_nrf52840_zmk',
    'nice_nano_',
  ]) {
    t.true(absent.includes(`config/${name}.keymap`), name);
  }
});

test('an include that would be found first is an input while it is missing', async t => {
  const here = await place(t);
  here.put({
    'config/corne.keymap': '#include "behaviors.dtsi"\n#  include "keys/a.dtsi"\n/* #include "old.dtsi" */\n',
    'config/keys/a.dtsi': '#if __has_include("b.dtsi")\n#include "b.dtsi"\n#endif\n',
  });
  const absent = within(here, (await here.observe('corne_left'))?.absent);
  t.true(absent.includes('config/behaviors.dtsi'));
  t.true(absent.includes('config/keys/b.dtsi'));
  t.false(absent.includes('config/keys/a.dtsi'));
});

test('all names and descriptions in the folders of a root are inputs', async t => {
  const here = await place(t);
  const mine = Object.fromEntries(
    Object.entries(SHIELD_FILES).map(([file, text]) => [`config/${file}`, text]),
  );
  here.put({
    ...mine,
    'config/dts/bindings/x.yaml': 'compatible: "x"\n',
    'config/boards/shields/mine/mine.keymap': '',
  });
  const observed = await here.observe('corne_left');
  t.deepEqual(within(here, observed?.directories), [
    'config/boards',
    'config/boards/shields',
    'config/boards/shields/mine',
    'config/dts',
    'config/dts/bindings',
  ]);
  const files = within(here, observed?.files);
  for (const file of [
    'boards/shields/mine/Kconfig.shield',
    'boards/shields/mine/mine.zmk.yml',
    'dts/bindings/x.yaml',
  ]) {
    t.true(files.includes(`config/${file}`), file);
  }
  t.false(files.includes('config/boards/shields/mine/mine.overlay'));
});

test('a repository that is a module is a root as well', async t => {
  const here = await place(t, {
    ...CONFIG,
    ...SHIELD_FILES,
    'zephyr/module.yml': 'build:\n  settings:\n    board_root: .\n',
    'boards/shields/mine/mine.keymap': '/ { };\n',
  });
  const observed = await here.observe('mine', { modules: [here.repository] });
  const files = within(here, observed?.files);
  for (const file of [
    'zephyr/module.yml',
    'boards/shields/mine/mine.keymap',
    'boards/shields/mine/mine.dtsi',
  ]) {
    t.true(files.includes(file), file);
  }
  t.true(within(here, observed?.directories).includes('boards/shields'));
  t.true(within(here, observed?.absent).includes('dts'));
  t.is(observed?.declared, undefined);
});

test('a copy of the keymaps stands for the original', async t => {
  const here = await place(t, { ...CONFIG, 'zephyr/module.yml': 'build:\n' });
  const copy = path.join(here.root, 'copy/config');
  writeFiles(
    path.dirname(path.dirname(copy)),
    Object.fromEntries(Object.entries(CONFIG).map(([f, c]) => [`copy/${f}`, c])),
  );
  const seen = [{ seen: copy, here: path.join(here.repository, 'config') }];
  const observed = await here.observe('corne_left', { config: copy, modules: [here.repository] }, { seen });
  t.deepEqual(within(here, observed?.files), [
    'config/corne.conf',
    'config/corne.keymap',
    'config/shared.dtsi',
    'config/west.yml',
    'zephyr/module.yml',
  ]);
  t.true(within(here, observed?.absent).includes('config/corne_left.conf'));
  t.false(observed!.absent.some(file => file.startsWith(copy)));
});

test("the image's own files are not inputs in a container", async t => {
  const here = await place(t);
  await here.observe('corne_left');
  for (const file of [
    'CMakeCache.txt',
    'build.ninja',
    'zephyr/kconfig/sources.txt',
    'zephyr/zephyr.dts.pre.d',
  ]) {
    const place = path.join(here.build, file);
    const text = readFileSync(place, 'utf8').replaceAll(here.build, '/b').replaceAll(here.repository, '/r');
    writeFileSync(place, text.replaceAll(here.workspace, '/w'));
  }
  writeFileSync(
    path.join(here.build, '.ninja_deps'),
    ninjaDeps({ 'a.o': ['/opt/sdk/include/stdio.h', '/w/zmk/app/src/main.c'] }),
  );
  const seen = [
    { seen: '/b', here: here.build },
    { seen: '/r', here: here.repository },
    { seen: '/w', here: here.workspace },
  ];
  t.is(await here.again(), undefined);
  const observed = await here.again({ seen, isolated: true });
  // A mounted directory may be a copy.
  const copied = [
    { seen: '/r', here: '/copy' },
    { seen: '/copy', here: here.repository },
    ...seen.filter(place => place.seen !== '/r'),
  ];
  t.deepEqual(await here.again({ seen: copied, isolated: true }), observed);
  t.deepEqual(within(here, observed?.files), [
    'config/corne.conf',
    'config/corne.keymap',
    'config/shared.dtsi',
    'config/west.yml',
  ]);
});

test('a file outside of config and workspace counts, and so does all of a module there', async t => {
  const here = await place(t);
  const module = path.join(here.root, 'module');
  writeFiles(module, {
    ...SHIELD_FILES,
    'zephyr/module.yml': 'build:\n  settings:\n    board_root: .\n',
    'src/a.c': '',
  });
  writeFiles(here.root, { 'extra.conf': 'CONFIG_A=y' });
  const extra = path.join(here.root, 'extra.conf');
  const observed = await here.observe('corne_left', {
    modules: [module],
    variables: { EXTRA_CONF_FILE: extra },
  });
  t.true(observed?.files.includes(extra));
  t.true(observed?.files.includes(path.join(module, 'src/a.c')));
  t.true(observed?.directories.includes(path.join(module, 'src')));
});

test('files of a workspace project are not inputs, even if the config is in the workspace', async t => {
  const here = await place(t);
  writeFiles(here.repository, workspaceFiles());
  const projects = ['zmk', 'zephyr'].map(project => path.join(here.repository, project));
  const options = { workspace: here.repository };
  const observed = await here.observe('corne_left', options, { ...options, projects });
  t.deepEqual(within(here, observed?.files), [
    'config/corne.conf',
    'config/corne.keymap',
    'config/shared.dtsi',
    'config/west.yml',
  ]);
});

test('files of a project are not inputs, whatever links lead to the workspace and to the project', async t => {
  const here = await place(t);
  renameSync(here.workspace, path.join(here.root, 'real'));
  renameSync(path.join(here.root, 'real/zmk'), path.join(here.root, 'zmk'));
  symlinkSync('../zmk', path.join(here.root, 'real/zmk'));
  symlinkSync('real', here.workspace);
  const projects = ['zmk', 'zephyr'].map(project => path.join(here.workspace, project));
  const plain = await here.observe('corne_left', {}, { projects });
  t.deepEqual(within(here, plain?.files), [
    'config/corne.conf',
    'config/corne.keymap',
    'config/shared.dtsi',
    'config/west.yml',
  ]);
  // CMake records some real paths.
  const manifest = path.join(here.build, 'build.ninja');
  const text = readFileSync(manifest, 'utf8').replaceAll(
    `${here.workspace}/zmk`,
    path.join(here.root, 'zmk'),
  );
  writeFileSync(manifest, text);
  t.deepEqual(await here.again({ projects }), plain);
});

test('files in the workspace but outside of its projects count', async t => {
  const here = await place(t);
  const projects = [path.join(here.workspace, 'zephyr')];
  const observed = await here.observe('corne_left', {}, { projects });
  t.true(observed?.files.includes(path.join(here.workspace, 'zmk/app/src/main.c')));
  t.false(observed?.files.includes(path.join(here.workspace, 'zephyr/include/kernel.h')));
});

const RECORDS = [
  'CMakeCache.txt',
  'build.ninja',
  '.ninja_deps',
  'zephyr/.config',
  'zephyr/kconfig/sources.txt',
  'zephyr/zephyr.dts.pre.d',
];

for (const record of RECORDS) {
  test(`the records prove nothing without ${record}, with a link in its place, or with an empty one`, async t => {
    const here = await place(t);
    t.truthy(await here.observe('corne_left'));
    const file = path.join(here.build, record);
    const content = readFileSync(file);
    rmSync(file);
    t.is(await here.again(), undefined);
    const elsewhere = path.join(here.root, 'elsewhere');
    writeFileSync(elsewhere, content);
    symlinkSync(elsewhere, file);
    t.is(await here.again(), undefined);
    rmSync(file);
    writeFileSync(file, '');
    const observed = await here.again();
    // Without the board's name the looked-up names are uncertain, but the files are not.
    if (record === 'zephyr/.config') t.is(observed?.declared, 'names');
    else t.is(observed, undefined);
  });
}

test('records behind a link, of another build, or truncated prove nothing', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  const log = path.join(here.build, '.ninja_deps');
  const content = readFileSync(log);
  truncateSync(log, content.length - 2);
  t.is(await here.again(), undefined);
  writeFileSync(log, content);
  const moved = path.join(here.root, 'moved');
  renameSync(here.build, moved);
  t.is(await here.again({ buildDirectory: moved }), undefined);
  renameSync(moved, here.build);
  t.truthy(await here.again());
  renameSync(path.join(here.build, 'zephyr'), moved);
  symlinkSync(moved, path.join(here.build, 'zephyr'));
  t.is(await here.again(), undefined);
});

test('a recorded file that was removed is an input, so that its removal is noticed', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  rmSync(path.join(here.repository, 'config/shared.dtsi'));
  t.true(within(here, (await here.again())?.files).includes('config/shared.dtsi'));
});

test('a CMake name that is two names of the preprocessor is not a missing file', async t => {
  const here = await place(t);
  const files = (await here.observe('corne_left'))?.files;
  const { repository } = here;
  const manifest = path.join(here.build, 'build.ninja');
  const add = (name: string) =>
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('CMAKE | ', `CMAKE | ${name} `));
  add(`${repository}/config/corne.keymap$ ${repository}/config/shared.dtsi`);
  t.deepEqual((await here.again())?.files, files);
  here.put({ 'config/shared.dtsi': '#include "two words.dtsi"\n', 'config/two words.dtsi': '/ { };\n' });
  t.true(within(here, (await here.observe('corne_left'))?.files).includes('config/two words.dtsi'));
  add(`${repository}/config/two\\$ words.dtsi`);
  t.truthy(await here.again());
  const gone = `${repository}/config/corne.keymap ${repository}/config/gone.dtsi`;
  add(gone.replace(' ', '$ '));
  t.true((await here.again())?.files.includes(gone));
});

test('records without the keymap among the devicetree sources prove nothing', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  const file = path.join(here.build, 'CMakeCache.txt');
  writeFileSync(file, readFileSync(file, 'utf8').replace('config/corne.keymap', 'config/lily58.keymap'));
  t.is(await here.again(), undefined);
});

test('an invalid dependency file proves nothing', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  writeFiles(here.build, { 'modules/x/y.d': 'nothing to read here' });
  t.is(await here.again(), undefined);
});

test('every dependency file in the build directory counts, and links are not followed', async t => {
  const here = await place(t);
  await here.observe('corne_left');
  const unused = path.join(here.repository, 'config/unused.dtsi');
  writeFiles(here.build, { 'deep/er/linker.cmd.dep': `linker.cmd: ${unused}\n` });
  mkdirSync(path.join(here.root, 'outside'));
  writeFileSync(path.join(here.root, 'outside/bad.d'), 'not a dependency file');
  symlinkSync(path.join(here.root, 'outside'), path.join(here.build, 'link'));
  t.true((await here.again())?.files.includes(unused));
});

const DOUBTS: [what: string, files: Record<string, string>, doubt: 'names' | 'contents'][] = [
  [
    'an include whose name a macro makes',
    { 'config/shared.dtsi': '#define X "unused.dtsi"\n#include X\n' },
    'names',
  ],
  [
    'an include of the devicetree compiler itself',
    { 'config/shared.dtsi': '/include/ "unused.dtsi"\n' },
    'contents',
  ],
  [
    'a file that is included verbatim',
    { 'config/shared.dtsi': 'data = /incbin/("logo.bin");\n', 'config/logo.bin': 'logo' },
    'contents',
  ],
];

for (const [what, files, doubt] of DOUBTS) {
  test(`${what} makes ${doubt === 'names' ? 'every name' : 'every declared input'} count`, async t => {
    const here = await place(t, { ...CONFIG, ...files });
    // The preprocessor of these tests supports no macros.
    const observed = await here.observe('corne_left').catch(() => here.again());
    t.is(observed?.declared, doubt);
    t.true(within(here, observed?.files).includes('config/shared.dtsi'));
  });
}

test('unknown lookups make every name count', async t => {
  const here = await place(t);
  const modules = path.join(here.workspace, 'zmk/app/keymap-module/modules/modules.cmake');
  writeFileSync(
    modules,
    `${readFileSync(modules, 'utf8')}\nif(EXISTS "\${ZMK_CONFIG}/\${s}.rules")\nendif()\n`,
  );
  t.is((await here.observe('corne_left'))?.declared, 'names');
  writeFileSync(modules, '# ZMK_CONFIG is looked into elsewhere');
  t.is((await here.observe('corne_left'))?.declared, undefined);
  writeFileSync(modules, '');
  t.is((await here.observe('corne_left'))?.declared, 'names');
});

test("a variable that refers to something of the user's makes every name count", async t => {
  const here = await place(t);
  const variables = { EXTRA_CFLAGS: `-I${here.repository}/config/include` };
  t.is((await here.observe('corne_left', { variables }))?.declared, 'names');
  t.is((await here.observe('corne_left', { variables: { OTHER: '-I/usr/include' } }))?.declared, undefined);
});

test("a program that the toolchain's identity covers is not an input, and any other one is", async t => {
  const here = await place(t);
  for (const name of ['python', 'wrapper']) writeFileSync(path.join(here.root, name), name);
  const venv = path.join(here.root, 'venv-python');
  symlinkSync('python', venv);
  const variables = { PYTHON_EXECUTABLE: venv, RULE_LAUNCH: path.join(here.root, 'wrapper') };
  const tools = { files: [venv], absent: [], headers: [], own: [] };
  const observed = async (identified: string[]) =>
    (await here.observe('corne_left', { variables }, { tools: { ...tools, identified } }))!.files.filter(
      file => path.dirname(file) === here.root,
    );
  t.deepEqual(await observed([path.join(here.root, 'python')]), [path.join(here.root, 'wrapper')]);
  t.deepEqual(await observed([]), [venv, path.join(here.root, 'wrapper')]);
});

test("a setting that names a file of the user's makes every declared input count", async t => {
  const here = await place(t);
  await here.observe('corne_left');
  const file = path.join(here.build, 'zephyr/.config');
  writeFileSync(file, `CONFIG_BOARD="nice_nano_v2"\nCONFIG_KEY_FILE="${here.repository}/key.pem"\n`);
  t.is((await here.again())?.declared, 'contents');
  const key = path.join(here.root, 'key.pem');
  writeFileSync(key, 'key');
  writeFileSync(file, `CONFIG_BOARD="nice_nano_v2"\nCONFIG_KEY_FILE="${key}"\n`);
  const elsewhere = await here.again();
  t.is(elsewhere?.declared, undefined);
  t.true(elsewhere?.files.includes(key));
});

test('a dangling link is looked for in vain', async t => {
  const here = await place(t);
  symlinkSync('../later.conf', path.join(here.repository, 'config/corne_left.conf'));
  const observed = await here.observe('corne_left');
  t.true(within(here, observed?.absent).includes('config/corne_left.conf'));
});

test('a file behind a `..` counts as it is spelled, because a link before it leads elsewhere', async t => {
  const here = await place(t, {
    ...CONFIG,
    'real/dts/deep/x.dtsi': '#include "../y.dtsi"\n',
    'real/dts/y.dtsi': '/ { };\n',
  });
  symlinkSync('../real/dts/deep', path.join(here.repository, 'config/keys'));
  here.put({ 'config/corne.keymap': '#include "keys/x.dtsi"\n', 'config/y.dtsi': '/ { };\n' });
  const files = (await here.observe('corne_left'))?.files;
  t.true(files?.includes(`${here.repository}/config/keys/../y.dtsi`));
  t.false(files?.includes(`${here.repository}/config/y.dtsi`));
});
