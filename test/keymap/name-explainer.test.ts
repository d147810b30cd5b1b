// Unreadable parts of a keymap: each is reported, and never drawn as something else.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type KeymapOptions, type Layout, parseKeymap } from '../../src/keymap/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const HEADERS = '#include <behaviors.dtsi>\n#include <dt-bindings/zmk/keys.h>\n';
const MISSING = '#include <helpers/all.h>\n';
const NOT_FOUND = 'helpers/all.h was not found, and there is no west workspace to look in';

/** A keymap of one layer, whose keys are in line 5. */
function keymap(bindings: string, { before = '\n', headers = HEADERS } = {}): string {
  return `${headers}${before}/ { keymap { compatible = "zmk,keymap"; base {\nbindings = <${bindings}>; }; }; };\n`;
}

/** Each error with its line and column. */
function errorsOf({ errors }: Layout): string[] {
  return errors.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

/** The keys of each layer, or the reason why they are unknown. */
function drawn({ layers }: Layout): string[] {
  return layers.map(({ bindings, unreadable }) => {
    const keys = bindings.map(({ behavior, parameters }) => [`&${behavior}`, ...parameters].join(' '));
    return unreadable === undefined ? keys.join(' ') : `(${unreadable})`;
  });
}

interface Case {
  source: string;
  drawn: string[];
  errors: string[];
  options?: KeymapOptions;
}

const CASES: Record<string, Case> = {
  'a key code of QMK': {
    source: keymap('&kp KC_SPC'),
    drawn: ['&kp KC_SPC'],
    errors: ["5:17: 'KC_SPC' is not a key code of ZMK. Did you mean 'SPACE'?"],
  },
  'a key code of QMK with modifiers': {
    source: keymap('&kp LC(LS(KC_ENT)) &mt LSHFT KC_SLSH'),
    drawn: ['&kp LC(LS(KC_ENT)) &mt LSHFT KC_SLSH'],
    errors: [
      "5:23: 'KC_ENT' is not a key code of ZMK. Did you mean 'ENTER'?",
      "5:42: 'KC_SLSH' is not a key code of ZMK. Did you mean 'FSLH'?",
    ],
  },
  'a typo in a key code': {
    source: keymap('&kp SPAEC &lt 1 BSCP'),
    drawn: ['&kp SPAEC &lt 1 BSCP'],
    errors: [
      "5:17: 'SPAEC' is not a key code of ZMK. Did you mean 'SPACE'?",
      "5:29: 'BSCP' is not a key code of ZMK. Did you mean 'BSPC'?",
    ],
  },
  'a key code that comes out of a macro': {
    source: keymap('PRESS(KC_A) &kp UNDO', { before: '#define PRESS(key) &kp key\n' }).replace(
      '/ {',
      '#define UNDO LC(KC_Z)\n/ {',
    ),
    drawn: ['&kp KC_A &kp UNDO'],
    errors: [
      "4:17: 'KC_Z' is not a key code of ZMK. Did you mean 'Z'?",
      "6:19: 'KC_A' is not a key code of ZMK. Did you mean 'A'?",
    ],
  },
  'a hold-tap with one parameter': {
    source: keymap('&mt A &kp B &kp C D &trans E'),
    drawn: ['&mt A &kp B &kp C D &trans E'],
    errors: [
      "5:13: '&mt' takes 2 parameters, but has 1 here: '&mt A'",
      "5:25: '&kp' takes one parameter, but has 2 here: '&kp C D'",
      "5:33: '&trans' takes no parameters, but has 1 here: '&trans E'",
    ],
  },
  'a behavior of the keymap with too few parameters': {
    source: keymap('&home A &kp', {
      before: '/ { behaviors { home: h { #binding-cells = <2>; }; }; };\n',
    }),
    drawn: ['&home A &kp'],
    errors: [
      "5:13: '&home' takes 2 parameters, but has 1 here: '&home A'",
      "5:21: '&kp' takes one parameter, but has none here: '&kp'",
    ],
  },
  'mistakes in combos and macros': {
    source: `${keymap('&kp A')}/ { combos { compatible = "zmk,combos"; c { bindings = <&kp KC_B>; }; };
macros { ZMK_MACRO(m, bindings = <&mt C>;) }; };`,
    drawn: ['&kp A'],
    errors: [
      "6:61: 'KC_B' is not a key code of ZMK. Did you mean 'B'?",
      "7:35: '&mt' takes 2 parameters, but has 1 here: '&mt C'",
    ],
  },
  'undefined positions and layers': {
    source: `${keymap('&kp A', { before: '#define LEFT_T 3\n' })}/ { combos { compatible = "zmk,combos";
c { bindings = <&kp B>; key-positions = <LEFT_T LEFT_TT>; layers = <(1 + NAV)>; }; }; };`,
    drawn: ['&kp A'],
    errors: [
      "7:49: 'LEFT_TT' is not defined. Did you mean 'LEFT_T'?",
      "7:74: 'NAV' is not defined, as far as Glovebox knows without a west workspace",
    ],
  },
  "a typo in a behavior, unless the name may be the keyboard's": {
    source: keymap('&pk A &tran &kp B &mine 1 2 &own &bd &none2', {
      before: '/ { behaviors { mine: h { #binding-cells = <2>; }; }; };\n',
    }),
    drawn: ['&pk A &tran &kp B &mine 1 2 &own &bd &none2'],
    errors: [
      "5:13: Neither ZMK nor the keymap defines the behavior '&pk'. Did you mean '&kp'?",
      "5:19: Neither ZMK nor the keymap defines the behavior '&tran'. Did you mean '&trans'?",
    ],
  },
  'a typo in a behavior of the keymap': {
    source: keymap('&mien 1 2', { before: '/ { behaviors { mine: h { #binding-cells = <2>; }; }; };\n' }),
    drawn: ['&mien 1 2'],
    errors: ["5:13: Neither ZMK nor the keymap defines the behavior '&mien'. Did you mean '&mine'?"],
  },
  'a name in place of a string': {
    source: keymap('&kp A').replace('bindings =', 'display-name = TITLE; bindings ='),
    drawn: ['&kp A'],
    errors: ["5:16: 'TITLE' is not defined, as far as Glovebox knows without a west workspace"],
  },
  'an undefined row': {
    source: keymap('ROW_OF_36'),
    drawn: ["('ROW_OF_36' is not defined, as far as Glovebox knows without a west workspace)"],
    errors: ["5:13: 'ROW_OF_36' is not defined, as far as Glovebox knows without a west workspace"],
  },
  'an undefined row, after keys': {
    source: keymap('&kp A ROW(B, C)', { before: '#define ROWS &kp B\n' }),
    drawn: ["('ROW' is not defined. Did you mean 'ROWS'?)"],
    errors: ["5:19: 'ROW' is not defined. Did you mean 'ROWS'?"],
  },
  'a row that is defined too late': {
    source: `${keymap('ROW')}#define ROW &kp A\n`,
    drawn: ["('ROW' is defined only after this use)"],
    errors: ["5:13: 'ROW' is defined only after this use"],
  },
  'a header that is included too late': {
    source: `${keymap('&kp A', { headers: '#include <behaviors.dtsi>\n\n' })}#include <dt-bindings/zmk/keys.h>\n`,
    drawn: ['&kp A'],
    errors: ["5:17: 'A' is defined only after this use"],
  },
  'a macro without its arguments': {
    source: keymap('&kp A ROW', { before: '#define ROW(a) &kp a\n' }),
    drawn: ['(the macro ROW is used without its arguments, or before its definition)'],
    errors: ['5:19: the macro ROW is used without its arguments, or before its definition'],
  },
  'a layer that is a single name': {
    source: keymap('&kp A').replace('<&kp A>', 'LAYER_OF_KEYS'),
    drawn: ["('LAYER_OF_KEYS' is not defined, as far as Glovebox knows without a west workspace)"],
    errors: ["5:12: 'LAYER_OF_KEYS' is not defined, as far as Glovebox knows without a west workspace"],
  },
  'a number before all keys': {
    source: keymap('7 &kp A'),
    drawn: ["('7' is before the first behavior)"],
    errors: ["5:13: '7' is before the first behavior"],
  },
  'headers of ZMK that are not included': {
    source: keymap('&kp A &bt BT_CLR &kp B', { headers: '\n\n' }),
    drawn: ['&kp A &bt BT_CLR &kp B'],
    errors: [
      "5:13: '&kp' is defined in <behaviors.dtsi>, which is not included",
      "5:17: 'A' is defined in <dt-bindings/zmk/keys.h>, which is not included",
      "5:23: 'BT_CLR' is defined in <dt-bindings/zmk/bt.h>, which is not included",
    ],
  },
  'layers from a missing file': {
    source: `${HEADERS}#include "helpers/all.h"\n\nZMK_LAYER(base, &kp A)\n`,
    drawn: [],
    errors: [`3:1: ${NOT_FOUND}`, '5:1: ZMK_LAYER is defined in a file that was not found: helpers/all.h'],
  },
  'keys from a missing file': {
    source: keymap('&kp A THUMBS THUMBS', { before: MISSING }),
    drawn: ['(THUMBS is defined in a file that was not found: helpers/all.h)'],
    errors: [`3:1: ${NOT_FOUND}`, '5:19: THUMBS is defined in a file that was not found: helpers/all.h'],
  },
  'a parameter from a missing file': {
    source: keymap('&kp A &kp DE_AE &own A DE_OE', {
      before: `${MISSING.trim()}\n`,
      headers: HEADERS,
    }),
    drawn: ['(DE_OE is defined in a file that was not found: helpers/all.h)'],
    errors: [
      `3:1: ${NOT_FOUND}`,
      '5:23: DE_AE is defined in a file that was not found: helpers/all.h',
      '5:36: DE_OE is defined in a file that was not found: helpers/all.h',
    ],
  },
  'a parameter that ZMK defines': {
    source: keymap('&kp A &kp DE_AE', { before: MISSING }),
    drawn: ['&kp A &kp DE_AE'],
    errors: [`3:1: ${NOT_FOUND}`, '5:23: DE_AE is defined in a file that was not found: helpers/all.h'],
  },
  'several missing files': {
    source: keymap('THUMBS', { before: `#include "keys.h"\n${MISSING}` }),
    drawn: ['(THUMBS is defined in one of the files that were not found: keys.h, helpers/all.h)'],
    errors: [
      '3:1: keys.h was not found, and there is no west workspace to look in',
      `4:1: ${NOT_FOUND}`,
      '6:13: THUMBS is defined in one of the files that were not found: keys.h, helpers/all.h',
    ],
  },
  'headers that a missing file may include': {
    source: keymap('&kp A', { headers: `${MISSING}\n` }),
    drawn: ['&kp A'],
    errors: [`1:1: ${NOT_FOUND}`],
  },
  'a condition on a name that a missing file may define': {
    source: keymap('&kp A\n#ifdef LEFT_HANDED\n&kp B\n#endif\n', { before: MISSING }),
    drawn: ["('LEFT_HANDED' may be defined in a file that was not found: helpers/all.h)"],
    errors: [
      `3:1: ${NOT_FOUND}`,
      "6:8: 'LEFT_HANDED' may be defined in a file that was not found: helpers/all.h. Here it counts as not defined",
    ],
  },
  'a condition around a macro, on a name that a missing file may define': {
    source: `${keymap('&kp A ROW', { before: `${MISSING}#if SIZE > 3\n#define ROW &kp B\n#else\n#define ROW\n#endif\n` })}`,
    drawn: ["('SIZE' may be defined in a file that was not found: helpers/all.h)"],
    errors: [
      `3:1: ${NOT_FOUND}`,
      "4:5: 'SIZE' may be defined in a file that was not found: helpers/all.h. Here it counts as not defined",
    ],
  },
  'a condition beside the keys, on a name that a missing file may define': {
    source: keymap('&kp A', { before: MISSING }).replace(
      'bindings =',
      '#ifdef NAMES\ndisplay-name = "x";\n#endif\nbindings =',
    ),
    drawn: ['&kp A'],
    errors: [
      `3:1: ${NOT_FOUND}`,
      "5:8: 'NAMES' may be defined in a file that was not found: helpers/all.h. Here it counts as not defined",
    ],
  },
  'a default of keys that a missing file may define differently': {
    source: keymap('&kp A THUMB', { before: `${MISSING}#ifndef THUMB\n#define THUMB &kp B\n#endif\n` }),
    drawn: ["('THUMB' may be defined in a file that was not found: helpers/all.h)"],
    errors: [`3:1: ${NOT_FOUND}`],
  },
  'a missing file beside a default that is drawn by its name': {
    source: keymap('&mo NAV &kp LC(KEY) HOLD(A, 1)', {
      before: `${MISSING}#ifndef DEFAULTS_H
#define DEFAULTS_H
#ifndef NAV
#define NAV 2
#endif
#define KEY A
#define HOLD(key, layer) &lt layer key
#endif
`,
    }),
    drawn: ['&mo NAV &kp LC(KEY) &lt 1 A'],
    errors: [`3:1: ${NOT_FOUND}`],
  },
  'a missing file, between keys': {
    source: keymap(`&kp A\n${MISSING}&kp B`),
    drawn: ['(helpers/all.h was not found)'],
    errors: [`6:1: ${NOT_FOUND}`],
  },
  'a missing file that devicetree source includes itself': {
    source: keymap('&kp A /include/ "helpers/all.h" &kp B'),
    drawn: ['(helpers/all.h was not found)'],
    errors: [`5:19: ${NOT_FOUND}`],
  },
  'a condition in an argument of a macro': {
    source: keymap('')
      .replace('bindings = <>;', 'LAYER(&kp A\n#ifdef WIDE\n&kp B\n#endif\n, &kp C)')
      .replace('/ {', `${MISSING}#define LAYER(a, b) bindings = <a b>;\n/ {`),
    drawn: ["('WIDE' may be defined in a file that was not found: helpers/all.h)"],
    errors: [
      `4:1: ${NOT_FOUND}`,
      "8:8: 'WIDE' may be defined in a file that was not found: helpers/all.h. Here it counts as not defined",
    ],
  },
  'a file that is not in the workspace': {
    source: keymap('&mine 1', { headers: MISSING, before: '\n\n' }),
    drawn: ['&mine 1'],
    errors: ['1:1: helpers/all.h was not found'],
    options: { searchDirectories: [], hasZmk: true },
  },
};

for (const [about, { source, drawn: expected, errors, options }] of Object.entries(CASES)) {
  test(`a mistake is reported with its place: ${about}`, async t => {
    const layout = await parseKeymap(source, options);
    t.deepEqual(errorsOf(layout), errors);
    t.deepEqual(drawn(layout), expected);
  });
}

for (const value of ['= "&kp A"', '', '= <>', '= [00 11]', '= &kp', '= <&kp A>, "x"']) {
  test(`bindings ${value || 'without a value'} are not drawn as an empty layer`, async t => {
    const layout = await parseKeymap(keymap('').replace('= <>', value));
    const message = "the value of 'bindings' is not a list of keys, such as <&kp A &kp B>";
    t.deepEqual(errorsOf(layout), [`5:1: ${message}`]);
    t.deepEqual(drawn(layout), [`(${message})`]);
  });
}

test('layers that may be missing are reported', async t => {
  const isIncomplete = async (source: string) => (await parseKeymap(source)).isIncomplete ?? false;
  t.false(await isIncomplete(keymap('&kp A NONE')));
  t.true(await isIncomplete(keymap('&kp A', { before: MISSING })));
  t.true(await isIncomplete(`LAYER(a, b)${keymap('&kp A')}`));
  t.true(await isIncomplete(`${keymap('&kp A')}) { };`));
  t.true(await isIncomplete(`${keymap('&kp A')}/ {`));
});

test('mistakes in included files come after those in the keymap, with their file names', async t => {
  const place = await temporaryDirectory(t);
  await writeFile(path.join(place, 'rows.h'), '\n#define ROW &kp KC_B\n#include "none.h"\n');
  const source = keymap('&mt A ROW', { before: '#include "rows.h"\n' });
  const { errors } = await parseKeymap(source, { file: path.join(place, 'x.keymap') });
  const file = path.join(place, 'rows.h');
  t.deepEqual(errors, [
    { line: 5, column: 13, message: "'&mt' takes 2 parameters, but has 1 here: '&mt A'" },
    { file, line: 2, column: 17, message: 'KC_B is defined in a file that was not found: none.h' },
    { file, line: 3, column: 1, message: 'none.h was not found, and there is no west workspace to look in' },
  ]);
});
