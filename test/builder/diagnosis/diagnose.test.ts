// Diagnosis of a failed build: its output becomes one sentence with a place in the config.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Diagnosis, diagnose } from '../../../src/builder/diagnosis/index.ts';
import * as logs from './logs.ts';

const KEYMAP = `#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>
#define COPY LC(C)
/ {
  behaviors {
    hm: homerow_mods { compatible = "zmk,behavior-hold-tap"; #binding-cells = <2>; bindings = <&kp>, <&kp>; };
  };
  keymap {
    compatible = "zmk,keymap";
    base {
      bindings = <&kp A &kp COPY &hm LSHFT F &mo 1>; // &kp A B
    };
LAYER
  };
};
`;

const YAML = `include:
  - board: nice_nano_v3
    shield: corne_letf nice_view
  - board: xiao_bel
    shield: corne
`;

/** Diagnoses a log of a build of a config whose keymap has this layer. */
async function say(t: ExecutionContext, log: string, layer = ''): Promise<Diagnosis & { place?: string }> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'diagnosis-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await mkdir(path.join(directory, 'config', 'src'), { recursive: true });
  await writeFile(path.join(directory, 'build.yaml'), YAML);
  await writeFile(path.join(directory, 'config', 'corne.keymap'), KEYMAP.replace('LAYER', layer));
  await writeFile(path.join(directory, 'config', 'corne.conf'), 'CONFIG_ZMK_USB=y\nCONFIG_ZMK_SLEPE=y\n');
  await writeFile(path.join(directory, 'config', 'src', 'extra.c'), 'void f() {\n  foo bar;\n}\n');
  const logFile = path.join(directory, 'left.log');
  await writeFile(logFile, log);
  const found = await diagnose({ configDirectory: directory, logFile, lastLines: ['nothing'] });
  if (found === undefined) throw new Error('nothing was found');
  const { file, line, column } = found;
  const place = [file && path.relative(directory, file), line, column]
    .filter(part => part !== undefined)
    .join(':');
  return { ...found, place };
}

const LINE = 13;

for (const { mistake, layer, message, column } of [
  {
    mistake: "a key's name in QMK",
    layer: '    nav { bindings = <&kp KC_SPC &kp B>; };',
    message: "'KC_SPC' is not a key code of ZMK. Did you mean 'SPACE'?",
    column: 27,
  },
  {
    mistake: 'a letter of QMK',
    layer: '    nav { bindings = <&kp A &kp KC_B>; };',
    message: "'KC_B' is not a key code of ZMK. Did you mean 'B'?",
    column: 33,
  },
  {
    mistake: 'a mistyped key',
    layer: '    nav { bindings = <&kp COPY &kp BSCP &kp LC(Z) &bt BT_SEL 0>; };',
    message: "'BSCP' is not a key code of ZMK. Did you mean 'BSPC'?",
    column: 36,
  },
  {
    mistake: 'a name in a comment is not what is wrong',
    layer: '    nav { bindings = <&kp /* BSCP */ A &kp FOO_BAR_BAZ>; };',
    message: "'FOO_BAR_BAZ' is not a key code of ZMK.",
    column: 44,
  },
]) {
  test(`an unknown key code is reported: ${mistake}`, async t => {
    const log = logs.parseError(LINE, 'expected number or parenthesized expression');
    const found = await say(t, log, layer);
    t.is(found.message, message);
    t.is(found.place, `config/corne.keymap:${LINE}:${column}`);
    t.is(found.source, layer);
    t.true(found.certain);
  });
}

test('a line that dtlib cannot read is named when nothing better is known', async t => {
  const number = await say(
    t,
    logs.parseError(LINE, 'expected number or parenthesized expression'),
    '    x = <;>;',
  );
  t.is(number.message, 'A key code or a number is expected here.');
  t.is(number.place, 'config/corne.keymap:13');
  const semicolon = await say(t, logs.parseError(LINE, "expected ';' or ','"), '    }');
  t.is(semicolon.message, "A ';' is missing before this.");
  const other = await say(t, logs.parseError(LINE, "expected node name, property name, or '}'"), '    }');
  t.is(other.message, "This cannot be read: expected node name, property name, or '}'.");
});

test('an undefined label is reported with the nearest existing one, wherever it was found', async t => {
  const layer = '    nav { bindings = <&hmm LSHFT F>; };';
  const placed = await say(t, logs.parseError(LINE, "undefined node label 'hmm'"), layer);
  t.is(placed.message, "There is no '&hmm'. Did you mean 'hm'?");
  t.is(placed.place, `config/corne.keymap:${LINE}:23`);
  const inTree = await say(
    t,
    logs.treeError("/keymap/nav: undefined node label 'tns'"),
    '    nav { bindings = <&tns>; };',
  );
  t.is(inTree.message, "There is no '&tns'. It is named in /keymap/nav.");
  t.is(inTree.place, `config/corne.keymap:${LINE}:23`);
});

for (const [what, log] of [
  ['lacks #binding-cells', logs.NO_BINDING_CELLS],
  ['a mix of phandles and numbers', logs.MIX_OF_PHANDLES],
  ['undeclared', logs.UNDECLARED_BINDING],
] as const) {
  test(`a wrong binding count is reported: ${what}`, async t => {
    for (const [layer, message, column] of [
      [
        '    nav { bindings = <&kp A &kp BT_SEL 0>; };',
        "'&kp' takes one parameter, but has 2 here: '&kp BT_SEL 0'.",
        29,
      ],
      ['    nav { bindings = <&trans &mo>; };', "'&mo' takes one parameter, but has none here: '&mo'.", 30],
      ['    nav { bindings = <&hm A>; };', "'&hm' takes 2 parameters, but has 1 here: '&hm A'.", 23],
      [
        '    nav { bindings = <&kp LC( LS(Z) ) &none 0>; };',
        "'&none' takes no parameters, but has 1 here: '&none 0'.",
        39,
      ],
    ] as const) {
      const found = await say(t, log, layer);
      t.is(found.message, message);
      t.is(found.place, `config/corne.keymap:${LINE}:${column}`);
      t.is(found.source, layer);
    }
  });
}

test('a wrong binding count is not reported for a macro, which may take any number of parameters', async t => {
  const found = await say(t, logs.UNDECLARED_BINDING, '    nav { bindings = <&kp COPY COPY>; };');
  t.is(
    found.message,
    "Key 12 (counted from 0) of the layer 'symbol_layer' has too many or too few parameters.",
  );
  t.is(found.place, 'config/corne.keymap');
});

for (const [what, log, message, place] of [
  [
    'a mistyped shield',
    logs.NO_SHIELD,
    "There is no shield 'corne_letf'. Did you mean 'corne_left'?",
    'build.yaml:3:13',
  ],
  [
    'a shield of two halves',
    logs.HALF_OF_A_SHIELD,
    "There is no shield 'corne'. Did you mean 'corne_left' or 'corne_right'?",
    'build.yaml:5:13',
  ],
  [
    'a board',
    logs.NO_BOARD,
    "There is no board 'nice_nano_v3'. Did you mean 'nice_nano_v2'?",
    'build.yaml:2:12',
  ],
  [
    'a board, in Zephyr 4',
    logs.NO_BOARD_LATER,
    "There is no board 'xiao_bel'. Did you mean 'xiao_ble'?",
    'build.yaml:4:12',
  ],
  [
    "a board's variant",
    logs.NO_QUALIFIERS,
    "The board 'nice_nano' has no variant '/nrf52840/zkm'. Did you mean 'nice_nano/nrf52840/zmk'?",
    '',
  ],
  ['a setting', logs.UNDEFINED_SYMBOL, 'There is no setting CONFIG_ZMK_SLEPE.', 'config/corne.conf:2'],
  [
    "a setting's value",
    logs.INVALID_VALUE,
    "CONFIG_ZMK_IDLE_TIMEOUT cannot be 'soon'. Its value is a whole number.",
    'config/corne.conf:2',
  ],
  [
    'quotes around text',
    logs.MALFORMED_STRING,
    'The value of CONFIG_ZMK_KEYBOARD_NAME is text in double quotes.',
    'config/corne.conf:2',
  ],
  [
    'what begins a setting',
    logs.MALFORMED_LINE,
    'A setting is written as CONFIG_NAME=value.',
    'config/corne.conf:2',
  ],
  [
    'a keymap',
    logs.NO_KEYMAP,
    "There is no keymap for this target: neither '<shield>.keymap' nor '<board>.keymap' is in config/.",
    '',
  ],
  [
    'a keymap node',
    logs.NO_KEYMAP_NODE,
    'The keymap has no node with compatible = "zmk,keymap".',
    'config/corne.keymap:1',
  ],
  [
    'an include',
    logs.NO_INCLUDE,
    "The included file 'dt-bindings/zmk/kesy.h' does not exist.",
    'config/corne.keymap:2:10',
  ],
  [
    'space',
    logs.TOO_LARGE,
    "The firmware is 5432 bytes too large for the board's FLASH. Leave out features in the .conf file.",
    '',
  ],
] as const) {
  test(`something unknown, invalid or missing is reported: ${what}`, async t => {
    const found = await say(t, log);
    t.is(found.message, message);
    t.is(found.place, place);
    t.true(found.certain);
  });
}

test('a keymap that ends too early is blamed, and not the Zephyr file that comes after it', async t => {
  const open = await say(t, logs.endError("expected node name, property name, or '}'"));
  t.is(open.message, "The keymap ends too early: a '};' is missing, here or further up.");
  t.is(open.place, 'config/corne.keymap:15');
  t.is(open.source, '};');
  const last = await say(t, logs.endError("expected ';'"));
  t.is(last.message, "The keymap ends too early: a ';' is missing, here or further up.");
});

test('a missing setting or include is reported with the nearest one of ZMK and Zephyr', async t => {
  const workspace = await mkdtemp(path.join(os.tmpdir(), 'diagnosis-'));
  t.teardown(() => rm(workspace, { recursive: true, force: true }));
  const files = {
    'zmk/app/Kconfig': 'menu "ZMK"\nmenuconfig ZMK_SLEEP\n\tbool "Sleep"\nendmenu\n',
    'zmk/app/src/split/Kconfig.defaults': 'if ZMK_SPLIT\n  config ZMK_SPLIT_BLE\n  default y\nendif\n',
    'zmk/app/include/dt-bindings/zmk/keys.h': '',
    'zmk/app/dts/behaviors.dtsi': '',
    'zephyr/subsys/bluetooth/Kconfig': 'config BT_CTLR_TX_PWR_PLUS_8\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(workspace, name)), { recursive: true });
    await writeFile(path.join(workspace, name), text);
  }
  const here = (log: string) =>
    log.replaceAll(/\/tmp\/zmk-config(?=\/(?:zmk|zephyr)(?:\/|\)))/g, () => workspace);
  const setting = async (name: string) =>
    (await say(t, here(logs.UNDEFINED_SYMBOL.replaceAll('ZMK_SLEPE', name)))).message;
  t.is(await setting('ZMK_SLEPE'), "There is no setting CONFIG_ZMK_SLEPE. Did you mean 'CONFIG_ZMK_SLEEP'?");
  t.regex(await setting('ZMK_SPLIT_BEL'), /Did you mean 'CONFIG_ZMK_SPLIT_BLE'\?$/);
  t.regex(await setting('BT_CTLR_TX_PWR_PLUS8'), /Did you mean 'CONFIG_BT_CTLR_TX_PWR_PLUS_8'\?$/);
  t.is(await setting('SOMETHING_ELSE'), 'There is no setting CONFIG_SOMETHING_ELSE.');
  const include = await say(t, here(logs.NO_INCLUDE));
  t.is(
    include.message,
    "The included file 'dt-bindings/zmk/kesy.h' does not exist. Did you mean 'dt-bindings/zmk/keys.h'?",
  );
  t.is(include.place, 'config/corne.keymap:2:10');
});

test("of Kconfig's output the reason for giving up is shown, which is far above the last lines", async t => {
  const found = await say(t, logs.UNMET_SELECT);
  t.regex(found.message, /^Kconfig: MBEDTLS .*has direct dependencies 0 with value n/);
  t.false(found.certain);
});

test("an unknown error is reported in the compiler's words, with the line of the source", async t => {
  const found = await say(t, logs.C_ERROR);
  t.is(found.message, "error: unknown type name 'foo'");
  t.is(found.place, 'config/src/extra.c:2:3');
  t.is(found.source, '  foo bar;');
  t.false(found.certain);
});

test('without a log the last lines are used, and without output there is no diagnosis', async t => {
  const configDirectory = os.tmpdir();
  const lastLines = ['a.c:1:2: error: bad'];
  t.like(await diagnose({ configDirectory, lastLines, logFile: '/nowhere/left.log' }), {
    file: 'a.c',
    line: 1,
  });
  t.is(await diagnose({ configDirectory, lastLines: ['make: failed'] }), undefined);
});

test('only files of the config are shown, whatever a message names and wherever a link leads', async t => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'diagnosis-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const outside = path.join(directory, 'secret');
  const configDirectory = path.join(directory, 'corne');
  await mkdir(path.join(configDirectory, 'config'), { recursive: true });
  await writeFile(outside, 'secret');
  await symlink(outside, path.join(configDirectory, 'config', 'link.keymap'));
  for (const named of [outside, '../secret', 'config/link.keymap', 'config/../../secret', 'config', '\0']) {
    const found = await diagnose({ configDirectory, lastLines: [`${named}:1:1: error: bad`] });
    t.is(found?.source, undefined, named);
  }
});

// Output that takes too long exceeds the time limit of all tests.
test('any output and any source are read in time', async t => {
  const long = 'a'.repeat(200_000);
  for (const layer of [
    `&${long}`,
    'bindings '.repeat(20_000),
    'bindings ='.repeat(20_000),
    `${'a:'.repeat(60_000)}`,
    'x: y {'.repeat(30_000),
    '&kp ((((('.repeat(20_000),
    `/*${long}`,
    `${' '.repeat(200_000)}:`,
  ]) {
    await say(t, logs.NO_BINDING_CELLS, layer);
    await say(t, logs.parseError(LINE, 'expected number or parenthesized expression'), layer);
  }
  for (const place of ['/dev/zero', '/dev/tty', '/', '/proc/self/mem']) {
    const said = `'x' appears in /a in b, but is not declared in 'properties:' in ${place}`;
    await say(t, `-- Application: ${place}\n-- Zephyr version: 3.5.0 (${place})\n${logs.treeError(said)}`);
    await say(t, `-- Application: ${place}\n-- Zephyr version: 3.5.0 (${place})\n${logs.NO_SHIELD}`);
  }
  const lines = [`${':1'.repeat(1_000)}`, 'devicetree error: '.repeat(100), `${'a.c:1:1: '.repeat(200)}`];
  const lastLines = Array.from({ length: 3_000 }, (_, at) => lines[at % lines.length]!);
  t.truthy(await diagnose({ configDirectory: os.tmpdir(), lastLines }));
});
