// Precise rebuilds: only what a change affects is compiled again, and all of that. Each test changes the same config
// and undoes the change, after which nothing is compiled.
import { copyFileSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import test, { type Assertions } from 'ava';
import { inFull, some } from '../support/extent.ts';
import { CONFIG, Keyboards, TARGETS } from './precise/keyboards.ts';

const ALL = TARGETS.map(target => target.artifactName);
const CORNE = ['corne_left', 'corne_right'];
const LILY58 = ['lily58_left', 'lily58_right'];
const NICE_NANO = [...CORNE, ...LILY58, 'reviung41'];

let keyboards: Keyboards;

test.before(async t => {
  keyboards = new Keyboards();
  await expectCompiled(t, ALL);
});

test.after.always(() => keyboards.close());

/** Builds all targets: exactly these are compiled, and the cached firmware is what builds without a cache make. */
async function expectCompiled(t: Assertions, expected: readonly string[]): Promise<void> {
  const first = await keyboards.makeAll();
  let last = first;
  // A compile whose directories are a few milliseconds old is not cached.
  while (last.compiled.length > 0) last = await keyboards.makeAll();
  for (const target of TARGETS) t.is(last.firmware[target.artifactName], keyboards.fresh(target));
  t.deepEqual(first.compiled, expected);
}

/** Undoes changes of these files. */
async function undo(t: Assertions, files: readonly string[]): Promise<void> {
  for (const file of files) {
    rmSync(path.join(keyboards.repository, file), { recursive: true, force: true });
    if (CONFIG[file] !== undefined) keyboards.write({ [file]: CONFIG[file] });
  }
  await expectCompiled(t, []);
}

const EDITS: [what: string, files: Record<string, string>, rebuilt: string[]][] = [
  ['editing a keymap', { 'config/corne.keymap': '#include "home_row.dtsi"\n/ { corne2; };\n' }, CORNE],
  ['editing the keymap of a board', { 'config/planck.keymap': '/ { planck2; };\n' }, ['planck']],
  [
    'editing an include that two keyboards share',
    { 'config/home_row.dtsi': '/ { hm2; };\n' },
    [...CORNE, ...LILY58],
  ],
  ['editing an include of an include', { 'config/timing.dtsi': '/ { };\n' }, [...CORNE, ...LILY58]],
  [
    'editing an include in a folder',
    { 'config/keys/numbers.dtsi': '/ { n2; };\n' },
    [...LILY58, 'reviung41'],
  ],
  ['editing the configuration of a keyboard', { 'config/corne.conf': 'CONFIG_ZMK_SLEEP=n\n' }, CORNE],
  ['adding the configuration of a half', { 'config/corne_left.conf': 'CONFIG_ZMK_USB=y\n' }, ['corne_left']],
  ['adding the configuration of a keyboard', { 'config/lily58.conf': 'CONFIG_A=y\n' }, LILY58],
  [
    'adding the configuration of a shield with a controller',
    { 'config/lily58_nice_nano_v2.conf': '' },
    LILY58,
  ],
  ['adding the overlay of a board', { 'config/planck.overlay': '/ { };\n' }, ['planck']],
  ['adding the overlay of a controller', { 'config/nice_nano_v2.overlay': '/ { };\n' }, NICE_NANO],
  // An existing better match is not relied on.
  ['adding a keymap for one half', { 'config/lily58_right.keymap': '/ { };\n' }, ['lily58_right']],
  ['adding configuration for all', { 'config/default.conf': 'CONFIG_A=y\n' }, ALL],
  ['adding an include that is found before another', { 'config/keys/mem.h': '' }, [...LILY58, 'reviung41']],
  ['adding an include that is found after another', { 'config/behaviors.dtsi': '/ { };\n' }, []],
  ['adding an include to a new root', { 'config/dts/behaviors.dtsi': '/ { };\n' }, ALL],
  ['adding a binding', { 'config/dts/bindings/mine.yaml': 'compatible: "mine"\n' }, ALL],
  ['editing west.yml', { 'config/west.yml': 'manifest: { projects: [zmk, other] }\n' }, ALL],
  ['adding a keyboard that is not built', { 'config/sofle.keymap': '/ { };\n', 'config/sofle.conf': '' }, []],
  ['adding files that are not part of any build', { 'README.md': '# Keyboards', 'config/notes.txt': '' }, []],
];

for (const [what, files, rebuilt] of some(EDITS, 3)) {
  const names = rebuilt.length === 0 ? 'nothing' : rebuilt === ALL ? 'everything' : rebuilt.join(', ');
  test.serial(`${what} compiles ${names}, and undoing it compiles nothing`, async t => {
    keyboards.write(files);
    await expectCompiled(t, rebuilt);
    const [first = ''] = Object.keys(files);
    // With its directory, if that is new.
    await undo(t, first.startsWith('config/dts') ? ['config/dts'] : Object.keys(files));
  });
}

test.serial(
  'touching a file, saving it unchanged, and replacing it with the same content compile nothing',
  async t => {
    const file = path.join(keyboards.repository, 'config/timing.dtsi');
    utimesSync(file, new Date(), new Date());
    await expectCompiled(t, []);
    keyboards.write({ 'config/timing.dtsi': CONFIG['config/timing.dtsi']! });
    await expectCompiled(t, []);
    copyFileSync(file, `${file}~`);
    renameSync(`${file}~`, file);
    await expectCompiled(t, []);
  },
);

inFull('adding, renaming or removing a shield directory compiles everything', async t => {
  const shield = path.join(keyboards.repository, 'config/boards/shields/corne');
  keyboards.write({
    'config/boards/shields/corne/Kconfig.shield': 'config SHIELD_CORNE\n',
    'config/boards/shields/corne/corne_left.overlay': '/ { mine; };\n',
    'config/boards/shields/corne/corne_right.overlay': '/ { mine; };\n',
  });
  await expectCompiled(t, ALL);
  keyboards.write({ 'config/boards/shields/corne/corne_left.overlay': '/ { mine2; };\n' });
  await expectCompiled(t, ['corne_left']);
  renameSync(shield, `${shield}_v2`);
  await expectCompiled(t, ALL);
  renameSync(`${shield}_v2`, shield);
  await expectCompiled(t, []);
  await undo(t, ['config/boards/shields']);
});

test.serial('a link that is redirected compiles what was read through it', async t => {
  const link = path.join(keyboards.repository, 'config/timing.dtsi');
  const slow = '/ { slow; };\n';
  keyboards.write({ 'variants/fast.dtsi': CONFIG['config/timing.dtsi']!, 'variants/slow.dtsi': slow });
  unlinkSync(link);
  symlinkSync('../variants/fast.dtsi', link);
  await expectCompiled(t, []);
  unlinkSync(link);
  symlinkSync('../variants/slow.dtsi', link);
  await expectCompiled(t, [...CORNE, ...LILY58]);
  await undo(t, ['config/timing.dtsi', 'variants']);
});

test.serial('a change of the workspace compiles everything', async t => {
  keyboards.changeWorkspace();
  await expectCompiled(t, ALL);
});

inFull('becoming a module compiles everything, and keymaps still count by their place', async t => {
  keyboards.write({
    'zephyr/module.yml': 'build:\n  settings:\n    board_root: .\n',
    'boards/shields/mine/Kconfig.shield': 'config SHIELD_MINE\n',
  });
  await expectCompiled(t, ALL);
  keyboards.write({ 'config/corne.keymap': '/ { corne3; };\n' });
  await expectCompiled(t, CORNE);
  keyboards.write({ 'config/corne_right.conf': 'CONFIG_B=y\n' });
  await expectCompiled(t, ['corne_right']);
  // A dangling link is harmless.
  symlinkSync('nowhere', path.join(keyboards.repository, 'config/sofle.keymap'));
  await expectCompiled(t, []);
  keyboards.write({ 'boards/shields/mine/mine.overlay': '/ { };\n' });
  await expectCompiled(t, ALL);
  await undo(t, [
    'zephyr',
    'boards',
    'config/corne.keymap',
    'config/corne_right.conf',
    'config/sofle.keymap',
  ]);
});

test.serial('if it is unknown how ZMK looks for files, any new file compiles everything', async t => {
  const modules = 'zmk/app/keymap-module/modules/modules.cmake';
  keyboards.changeWorkspace({ [modules]: 'file(GLOB rules \x24{ZMK_CONFIG}/*.rules)\n' });
  await expectCompiled(t, ALL);
  keyboards.write({ 'config/a.rules': '' });
  await expectCompiled(t, ALL);
  keyboards.write({ 'config/a.rules': 'edited' });
  await expectCompiled(t, []);
  keyboards.write({ 'config/corne.keymap': '/ { corne4; };\n' });
  await expectCompiled(t, CORNE);
});
