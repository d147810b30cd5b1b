// Common mistakes in real configs: the output of the real tools for each, and the one sentence that helps.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { diagnose } from '../../../src/builder/diagnosis/index.ts';
import type { SourceExcerpt } from '../../../src/builder/incremental/index.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { writeFiles } from '../toolchains/observed/workspace.ts';
import * as logs from './logs.ts';

/** The part of ZMK that the diagnoses refer to. */
const ZMK: Readonly<Record<string, string>> = {
  'app/Kconfig': 'config ZMK_IDLE_TIMEOUT\n  int\n',
  'app/include/dt-bindings/zmk/keys.h': '#include <dt-bindings/zmk/modifiers.h>\n#define A 4\n#define B 5\n',
  'app/include/dt-bindings/zmk/modifiers.h': '#define MOD_LSFT 2\n#define LS(keycode) (keycode)\n',
  'app/include/dt-bindings/zmk/bt.h': '#define BT_SEL 3\n',
  'app/dts/behaviors.dtsi': '#include <behaviors/key_press.dtsi>\n',
  'app/dts/behaviors/key_press.dtsi': '/ { behaviors { kp: key_press { }; }; };\n',
  'app/dts/input/processors.dtsi': '#include <input/processors/scaler.dtsi>\n',
  'app/dts/input/processors/scaler.dtsi': '/ { zip_xy_scaler: zip_xy_scaler { }; };\n',
  'app/dts/bindings/behaviors/zmk,behavior-hold-tap.yaml': `include: two_param.yaml
properties:
  quick-tap-ms: { type: int }
  quick_tap_ms: { type: int, deprecated: true }
`,
  'app/dts/bindings/behaviors/two_param.yaml': 'properties:\n  "#binding-cells": { const: 2 }\n',
  'app/boards/shields/corne/Kconfig.shield': '',
  'app/boards/shields/corne/corne_left.overlay': '',
  'app/boards/shields/corne/boards/nice_nano.overlay': '',
};

const INCLUDES = '#include <behaviors.dtsi>\n#include <dt-bindings/zmk/keys.h>\n';
const NUMBER = 'expected number or parenthesized expression';

interface Mistake {
  log: string;
  /** `config/corne.keymap`. */
  keymap?: string;
  /** Further files of the config. */
  files?: Record<string, string>;
  /** The line in the preprocessed keymap that the log names, and the column in it. */
  excerpt?: Omit<SourceExcerpt, 'file'>;
}

/** The diagnosis of a config's build, in the workspace with ZMK to which the log's paths belong. */
async function say(t: ExecutionContext, { log, keymap = '', files = {}, excerpt }: Mistake): Promise<string> {
  const root = await temporaryDirectory(t);
  const config = path.join(root, 'corne');
  writeFiles(path.join(root, 'zmk'), ZMK);
  writeFiles(config, {
    'build.yaml':
      'include:\n  - board: nice_nano//zmk\n    shield: corne_letf nice_view\n  - board: nice_nano_v2\n',
    'config/corne.keymap': keymap,
    ...files,
  });
  const logFile = path.join(root, 'log');
  writeFiles(root, { log: log.replaceAll('/tmp/zmk-config/zmk', path.join(root, 'zmk')) });
  const found = await diagnose({
    ...{ configDirectory: config, logFile, lastLines: [] },
    excerpt: excerpt && { file: '/tmp/zmk-config/config/corne.keymap', ...excerpt },
  });
  const { file, line, column, message, certain } = found ?? {};
  t.true(certain, message);
  const place = [file && path.relative(config, file), line, column]
    .filter(part => part !== undefined)
    .join(':');
  return `${place}: ${message}`;
}

const layer = (bindings: string) =>
  `/ {\n  keymap {\n    compatible = "zmk,keymap";\n    base {\n      bindings = <\n${bindings}\n      >;\n    };\n  };\n};\n`;

test('blanks around the = of a setting are named as the mistake', async t => {
  const conf = (line: string) => ({ 'config/corne.conf': `CONFIG_ZMK_USB=y\n${line}\n` });
  const about = (setting: string) =>
    `config/corne.conf:2: There must be no blanks around the '=': write CONFIG_${setting}`;
  t.is(
    await say(t, { log: logs.BLANKS_BEFORE_VALUE, files: conf('CONFIG_ZMK_IDLE_TIMEOUT = 30000') }),
    about('ZMK_IDLE_TIMEOUT=30000'),
  );
  t.is(
    await say(t, { log: logs.BLANK_AFTER_EQUALS, files: conf('CONFIG_ZMK_SLEEP= y') }),
    about('ZMK_SLEEP=y'),
  );
  t.is(
    await say(t, { log: logs.BLANK_BEFORE_TEXT, files: conf('CONFIG_ZMK_KEYBOARD_NAME= "Mine"') }),
    about('ZMK_KEYBOARD_NAME="Mine"'),
  );
});

test('a missing include of behaviors is suggested', async t => {
  const keymap = `#include <dt-bindings/zmk/keys.h>\n${layer('        &kp A')}`;
  t.is(
    await say(t, { log: logs.treeError("/keymap/base: undefined node label 'kp'"), keymap }),
    "config/corne.keymap:7:9: There is no '&kp': it comes with <behaviors.dtsi>, which the keymap does not include.",
  );
  t.is(
    await say(t, {
      log: logs.parseError(2, "undefined node label 'zip_xy_scaler'"),
      keymap: `${INCLUDES.split('\n')[0]}\n&zip_xy_scaler { };\n`,
    }),
    "config/corne.keymap:2:1: There is no '&zip_xy_scaler': it comes with <input/processors.dtsi>, which the keymap does not include.",
  );
});

test('a missing include of names is suggested', async t => {
  const keymap = INCLUDES + layer('        &kp A &bt BT_SEL 0');
  const expected =
    "config/corne.keymap:8:19: 'BT_SEL' is defined in <dt-bindings/zmk/bt.h>, which the keymap does not include.";
  const log = logs.parseError(8, NUMBER);
  const excerpt = { line: 8, text: '        &kp (((0x07) << 16) | (0x04)) &bt BT_SEL 0', column: 43 };
  t.is(await say(t, { log, keymap, excerpt }), expected);
  t.is(await say(t, { log, keymap }), expected);
  // Included by a file of the config.
  const through = `#include "all.h"\n${keymap.replaceAll('BT_SEL', 'BT_SELL')}`;
  t.is(
    await say(t, {
      log: logs.parseError(9, NUMBER),
      keymap: through,
      files: { 'config/all.h': '#include <dt-bindings/zmk/bt.h>\n' },
    }),
    "config/corne.keymap:9:19: 'BT_SELL' is not a key code of ZMK.",
  );
});

test('an undefined name in a macro call is blamed, and not the macro', async t => {
  // The macro is from a file that cannot be read here.
  const keymap = `${INCLUDES}#include "zmk-helpers/helper.h"\nZMK_LAYER(base,\n  &kp A &kp B\n  &kp FOO &kp A)\n`;
  const log = logs.parseError(4, NUMBER);
  const text =
    '/ { keymap { compatible = "zmk,keymap"; base { bindings = <&kp 4 &kp 5 &kp FOO &kp 4>; }; }; };';
  const excerpt = { line: 4, text, column: text.indexOf('FOO') + 1 };
  const expected = "config/corne.keymap:6:7: 'FOO' is not a key code of ZMK.";
  t.is(await say(t, { log, keymap, excerpt }), expected);
  t.is(await say(t, { log, keymap }), expected);
});

test('an undefined name in the body of a macro is found there', async t => {
  const keymap = `${INCLUDES}#define HYPER(key) \\\n  &kp LS(LSS(key))\n${layer('        &kp A HYPER(B)')}`;
  const log = logs.parseError(10, NUMBER);
  const text = '        &kp 4 &kp (LSS(5))';
  const expected =
    "config/corne.keymap:4:10: 'LSS' is not defined. Is an #include missing? Did you mean 'LS'?";
  t.is(await say(t, { log, keymap, excerpt: { line: 10, text, column: text.indexOf('LSS') + 1 } }), expected);
  t.is(await say(t, { log, keymap }), expected);
});

test('a macro that is not defined at all is named', async t => {
  const keymap = `${INCLUDES}ZMK_LAYER(base,\n  &kp A)\n`;
  const expected = "config/corne.keymap:3:1: 'ZMK_LAYER' is not defined. Is an #include missing?";
  t.is(await say(t, { log: logs.parseError(3, "expected '/' or label reference (&foo)"), keymap }), expected);
  const excerpt = { line: 3, text: 'ZMK_LAYER(base,', column: 10 };
  t.is(await say(t, { log: logs.parseError(3, "expected '{', '=', or ';'"), keymap, excerpt }), expected);
});

test('a layer name without a number is named, with the remedy', async t => {
  const keymap = INCLUDES + layer('        &kp A &mo NAV &lt SYM B');
  const text = '        &kp (4) &mo NAV &lt SYM (5)';
  t.is(
    await say(t, {
      log: logs.parseError(8, NUMBER),
      keymap,
      excerpt: { line: 8, text, column: text.indexOf('NAV') + 1 },
    }),
    "config/corne.keymap:8:19: 'NAV' is not defined. Give the layer's number, such as #define NAV 1.",
  );
});

test('a label on two nodes is reported with the place of the second and that of the first', async t => {
  const node = (name: string) => `    hm: ${name} { compatible = "zmk,behavior-hold-tap"; };\n`;
  const keymap = `${INCLUDES}/ {\n  behaviors {\n${node('homerow_a')}${node('homerow_b')}  };\n};\n`;
  const log = logs.treeError("Label 'hm' appears on /behaviors/homerow_a and on /behaviors/homerow_b");
  t.is(
    await say(t, { log, keymap }),
    "config/corne.keymap:6:5: The label 'hm' is given twice, first in line 5. Rename one.",
  );
  const taken = logs.treeError("Label 'mt' appears on /behaviors/mod_tap and on /behaviors/mine");
  t.is(
    await say(t, { log: taken, keymap: `${INCLUDES}/ { behaviors { mt: mine { }; }; };\n` }),
    "config/corne.keymap:3:17: The label 'mt' is taken: ZMK gives it to /behaviors/mod_tap. Choose another.",
  );
});

test('a removed property is reported in the keymap and in an overlay', async t => {
  const said = (property: string) =>
    logs.treeError(
      `'${property}' appears in /behaviors/homerow in /tmp/build/zephyr/zephyr.dts.pre, but is not declared in 'properties:' in /tmp/zmk-config/zmk/app/dts/bindings/behaviors/zmk,behavior-hold-tap.yaml`,
    );
  const keymap = `${INCLUDES}&lt { quick-tap-mss = <1>; };
/ {
  behaviors {
    hm: homerow { // quick-tap-mss = <5>;
      quick-tap-mss = <5>;
    };
  };
};
`;
  t.is(
    await say(t, { log: said('quick-tap-mss'), keymap }),
    "config/corne.keymap:7:7: 'quick-tap-mss' is not a property of zmk,behavior-hold-tap. Did you mean 'quick-tap-ms'?",
  );
  t.is(
    await say(t, {
      log: said('global_quick_tap'),
      keymap: layer(''),
      files: { 'boards/shields/mine/mine.overlay': '&lt {\n  global_quick_tap;\n};\n' },
    }),
    "boards/shields/mine/mine.overlay:2:3: 'global_quick_tap' is not a property of zmk,behavior-hold-tap.",
  );
});

test('a missing property is named', async t => {
  const log = logs.treeError(
    "'bindings' is marked as required in 'properties:' in /tmp/zmk-config/zmk/app/dts/bindings/behaviors/zmk,behavior-tap-dance.yaml, but does not appear in <Node /behaviors/tapdance in '/tmp/zmk-config/zephyr/misc/empty_file.c'>",
  );
  const keymap = `${INCLUDES}/ {\n  behaviors {\n    td: tapdance { };\n  };\n};\n`;
  t.is(
    await say(t, { log, keymap }),
    "config/corne.keymap:5:9: 'tapdance' lacks 'bindings', which zmk,behavior-tap-dance needs.",
  );
});

test('an unknown shield is reported with the nearest one of ZMK, of a module and of the config, which the build omits', async t => {
  const log = logs.NO_SHIELD_OF_ZMK;
  t.is(await say(t, { log }), "build.yaml:3:13: There is no shield 'corne_letf'. Did you mean 'corne_left'?");
  const files = {
    'boards/shields/mine/corne_letg.overlay': '',
    'boards/shields/mine/boards/corne_letff.overlay': '',
  };
  t.is(
    await say(t, { log: log.replaceAll('corne_letf', 'crne_letg'), files }),
    ": There is no shield 'crne_letg'. Did you mean 'corne_letg'?",
  );
  const listed = log.replaceAll('corne_letf', 'nrf7002kk');
  t.is(await say(t, { log: listed }), ": There is no shield 'nrf7002kk'. Did you mean 'nrf7002ek'?");
});

test('a board of another ZMK version is reported with the name to write instead', async t => {
  t.is(
    await say(t, { log: logs.NO_VARIANTS }),
    "build.yaml:2:12: There is no board 'nice_nano//zmk' yet: ZMK is built with Zephyr 3.5 here, where boards have no variants. Write 'nice_nano_v2', or use a newer ZMK.",
  );
  t.is(
    await say(t, { log: logs.NO_BOARD_ANY_MORE }),
    "build.yaml:4:12: There is no board 'nice_nano_v2' any more: ZMK is built with Zephyr 4.1 here, where it is 'nice_nano//zmk'.",
  );
  const before = (board: string) => say(t, { log: logs.NO_VARIANTS.replaceAll('nice_nano//zmk', board) });
  t.regex(await before('nice_nano@1.0.0//zmk'), /Write 'nice_nano', or/);
  t.regex(await before('nice_nano/nrf52840/zmk'), /Write 'nice_nano_v2', or/);
  t.regex(await before('nrfmicro@1.3.0/nrf52833/zmk'), /Use a newer ZMK\./);
  t.regex(await before('planck//zmk'), /Write 'planck_rev6', or/);
  t.regex(await before('nice_60//zmk'), /Write 'nice_60', or/);
  t.regex(await before('mine//zmk'), /no variants\. Use a newer ZMK\./);
});
