// Keymaps in the shapes in which people write them: spread over files, made by macros, put together piece by piece.
// Where GCC is on the machine, it is asked what each of them comes to.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseDevicetree } from '../../src/keymap/devicetree/parse.ts';
import { isEnabled, nodesOf, stringsOf } from '../../src/keymap/devicetree/tree.ts';
import { parseKeymap } from '../../src/keymap/index.ts';
import { readLines } from '../../src/keymap/preprocessor/lexer.ts';
import { preprocess } from '../../src/keymap/preprocessor/preprocess.ts';
import { HOME, SourceFiles } from '../../src/keymap/preprocessor/source-files.ts';
import { type Token, textOf } from '../../src/keymap/preprocessor/token.ts';
import { builtInHeader } from '../../src/keymap/zmk/headers.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { hasGcc, NO_GCC, preprocessedByGcc } from './preprocessor/gcc.ts';

interface Shape {
  /** The keymap is `config/x.keymap`; `module` is a directory that is searched. */
  files: Record<string, string>;
  /** Each layer: its name, and its keys as they are written, a line for each row. */
  layers: Record<string, string>;
}

const HEADERS = '#include <behaviors.dtsi>\n#include <dt-bindings/zmk/keys.h>\n';
const node = (layers: string) => `/ { keymap { compatible = "zmk,keymap"; ${layers} }; };\n`;

const SHAPES: Record<string, Shape> = {
  'rows in a file beside the keymap': {
    files: {
      'config/x.keymap': `${HEADERS}#include "rows.h"\n${node('base { bindings = <\nTOP\nBOTTOM\n>; };')}`,
      'config/rows.h': '#define TOP &kp Q &kp W\n#define BOTTOM &kp A &kp S &kp D\n',
    },
    layers: { base: '&kp Q &kp W\n&kp A &kp S &kp D' },
  },
  'one keymap for several keyboards, which fills in what the keyboard has more': {
    files: {
      'config/x.keymap':
        '#define PINKY &kp TAB\n#define LAYOUT(a, b, c) PINKY a b c\n#include "../shared/base.dtsi"\n',
      'shared/base.dtsi': `${HEADERS}#include "layers.h"\n${node('base { bindings = <LAYOUT(&kp A, &kp B, &mo NAV)>; };')}`,
      'shared/layers.h': '#define NAV 1\n',
    },
    layers: { base: '&kp TAB &kp A &kp B &mo NAV' },
  },
  'macros of a module, between nodes': {
    files: {
      'config/x.keymap': `${HEADERS}#include <helpers/all.h>
LAYER(base,
  &kp Q  &kp W,
  &kp A
)
LAYER(nav,
  &kp LEFT &kp RIGHT,
  &kp UP
)
COMBO(escape, &kp ESC, 0 1)
`,
      'module/helpers/all.h': `#pragma once
#define LAYER(name, ...) / { keymap { compatible = "zmk,keymap"; \\
  LAYER_NAME(name) { display-name = #name; bindings = <ROWS(__VA_ARGS__)>; }; }; };
#define LAYER_NAME(name) layer_ ## name
#define ROWS(a, b) a b
#define COMBO(name, keys, at) / { combos { compatible = "zmk,combos"; \\
  combo_ ## name { bindings = <keys>; key-positions = <at>; }; }; };
`,
    },
    layers: { layer_base: '&kp Q &kp W\n&kp A', layer_nav: '&kp LEFT &kp RIGHT\n&kp UP' },
  },
  'a name for a whole layer': {
    files: {
      'config/x.keymap': `${HEADERS}#define WHOLE_LAYER \\
  &kp Q &kp W \\
  &kp A &kp S
${node('base { bindings = <WHOLE_LAYER>; };')}`,
    },
    layers: { base: '&kp Q &kp W\n&kp A &kp S' },
  },
  'a layer that one macro lists and another arranges': {
    files: {
      'config/x.keymap': `${HEADERS}#include "list.h"
#define ARRANGE(k0, k1, k2, k3, k4, k5) \\
  &kp ESC k0 k1 k2 \\
          k3 k4 k5
#define SPREAD(layer) ARRANGE_ALL(layer)
#define ARRANGE_ALL(...) ARRANGE(__VA_ARGS__)
${node('base { bindings = <SPREAD(LIST)>; };')}`,
      'config/list.h': `#define LIST \\
&kp A, HOLD(LGUI, S), &kp D, \\
&kp Z, &kp X, &kp C
#define HOLD(modifier, key) &mt modifier key
`,
    },
    layers: { base: '&kp ESC &kp A &mt LGUI S &kp D\n&kp Z &kp X &kp C' },
  },
  'keys made by pasting': {
    files: {
      'config/x.keymap': `${HEADERS}#define MOD(side, key) &mt side##SHFT key
#define NUMBERS(f) f(1) f(2) f(3)
#define NUMBER(n) &kp N ## n
${node('base { bindings = <MOD(L, A) MOD(R, B) NUMBERS(NUMBER)>; };')}`,
    },
    layers: { base: '&mt LSHFT A &mt RSHFT B &kp N1 &kp N2 &kp N3' },
  },
  'what a variable argument adds': {
    files: {
      'config/x.keymap': `${HEADERS}#define ROW(first, ...) &kp first __VA_OPT__(KEYS(__VA_ARGS__))
#define KEYS(a, ...) &kp a, ## __VA_ARGS__
#define LAST(name, ...) name { bindings = <__VA_ARGS__>; };
${node('LAST(base, ROW(A) ROW(B, C))')}`,
    },
    layers: { base: '&kp A &kp B &kp C' },
  },
  'branches by what a file of settings says': {
    files: {
      'config/x.keymap': `${HEADERS}#include "settings.h"
#if defined(KEYS) && KEYS > 3
#define OUTER &kp TAB
#else
#define OUTER
#endif
${node(`base { bindings = <
OUTER &kp A
#ifdef MOUSE
&mkp MB1
#elif KEYS == 4
&kp B
#endif
>; };
#ifndef GAMES
work { bindings = <&kp W>; };
#else
games { bindings = <&kp G>; };
#endif
`)}`,
      'config/settings.h': '#define KEYS 4\n#define GAMES\n',
    },
    layers: { base: '&kp TAB &kp A\n&kp B', games: '&kp G' },
  },
  'branches among the arguments of a macro': {
    files: {
      'config/x.keymap': `${HEADERS}#define LAYER(name, keys) name { bindings = <keys>; };
${node(`LAYER(base,
  &kp A
#ifdef DVORAK
  &kp O
#else
  &kp S
#endif
)`)}`,
    },
    layers: { base: '&kp A\n&kp S' },
  },
  'a layer changed through its label': {
    files: {
      'config/x.keymap': `#include "base.dtsi"
&base { bindings = <&kp X>; display-name = "Mine"; };
&nav { /delete-property/ display-name; };
`,
      'config/base.dtsi': `${HEADERS}${node('base: first { bindings = <&kp A>; }; nav: second { display-name = "Nav"; bindings = <&kp B>; };')}`,
    },
    layers: { first: '&kp X', second: '&kp B' },
  },
  'a keymap in pieces': {
    files: {
      'config/x.keymap': `${HEADERS}${node('one { bindings = <&kp A>; };')}${node('two { bindings = <&kp B>; };')}
/ { map: keymap { one { bindings = <&kp C>; sensor-bindings = <&inc_dec_kp UP DOWN>; }; }; };
&map { three { bindings = <&kp D>; }; };
&{/keymap} { four { bindings = <&kp E>; }; };
`,
    },
    layers: { one: '&kp C', two: '&kp B', three: '&kp D', four: '&kp E' },
  },
  'layers that are taken out': {
    files: {
      'config/x.keymap': `#include <shared.dtsi>
/delete-node/ &games;
/ { keymap { /delete-node/ extra; /delete-node/ none_such; }; };
${node('extra { bindings = <&kp Z>; };')}`,
      'module/shared.dtsi': `${HEADERS}${node('base { bindings = <&kp A>; }; games: games { bindings = <&kp B>; }; extra { bindings = <&kp C>; }; last { bindings = <&kp D>; };')}`,
    },
    layers: { base: '&kp A', last: '&kp D', extra: '&kp Z' },
  },
  'sensors and macros of nodes': {
    files: {
      'config/x.keymap': `${HEADERS}#define SCROLL &inc_dec_kp PG_UP PG_DN
/ { macros { ZMK_MACRO(hello, wait-ms = <5>; bindings = <&kp H &kp I>;) }; };
${node('base { bindings = <&hello &kp A>; sensor-bindings = <SCROLL &inc_dec_kp UP DOWN>; };')}`,
    },
    layers: { base: '&hello &kp A' },
  },
  'lines, lists and comments of every kind': {
    files: {
      'config/x.keymap': `${HEADERS}/ { keymap { compatible = "other,keymap", "zmk,keymap"; // &kp Z
  base: lay\\
er@0 { bindings = /* rows */ <&kp A &kp B>, // <&kp C>
       <&kp D &kp // >
       (LC(X)) >; };
}; };
`,
    },
    layers: { 'layer@0': '&kp A &kp B\n&kp D &kp (LC(X))' },
  },
  'a file that devicetree source includes itself': {
    files: {
      'config/x.keymap': `${HEADERS}${node('base { bindings = <&kp A>; };')}/include/ "more.dtsi"\n`,
      'config/more.dtsi': '/ { keymap { more { bindings = <&trans /* A */>; }; }; };\n',
    },
    layers: { base: '&kp A', more: '&trans' },
  },
};

async function write(t: ExecutionContext, { files }: Shape): Promise<{ keymap: string; module: string }> {
  const place = await temporaryDirectory(t);
  await mkdir(path.join(place, 'module'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(place, name)), { recursive: true });
    await writeFile(path.join(place, name), text);
  }
  return { keymap: path.join(place, 'config/x.keymap'), module: path.join(place, 'module') };
}

for (const [about, shape] of Object.entries(SHAPES)) {
  test(`${about}: all keys of all layers, in their rows`, async t => {
    const { keymap, module } = await write(t, shape);
    const source = shape.files['config/x.keymap']!;
    const { layers, errors } = await parseKeymap(source, { file: keymap, searchDirectories: [module] });
    t.deepEqual(errors, []);
    const drawn = layers.map(({ name, bindings, rows }) => {
      const keys = bindings.map(({ behavior, parameters }) => [`&${behavior}`, ...parameters].join(' '));
      return [name, rows.map(count => keys.splice(0, count).join(' ')).join('\n')];
    });
    t.deepEqual(Object.fromEntries(drawn), shape.layers);
    t.deepEqual(
      drawn.map(([name]) => name),
      Object.keys(shape.layers),
      'in this order',
    );
  });
}

test('GCC comes to the same keys for each of these keymaps', async t => {
  if (!hasGcc) {
    t.log(NO_GCC);
    t.pass();
    return;
  }
  const headers = await temporaryDirectory(t);
  for (const name of ['behaviors.dtsi', 'dt-bindings/zmk/keys.h', 'dt-bindings/zmk/modifiers.h']) {
    await writeHeader(headers, name);
  }
  await writeHeader(headers, 'dt-bindings/zmk/hid_usage_pages.h');
  await writeHeader(headers, 'dt-bindings/zmk/hid_usage.h');
  for (const [about, shape] of Object.entries(SHAPES)) {
    // A preprocessor knows nothing of what devicetree source includes itself.
    if (about.startsWith('a file that devicetree source')) continue;
    const { keymap, module } = await write(t, shape);
    const [text] = preprocessedByGcc(headers, [keymap], [module, headers]);
    const files = new SourceFiles({ home: path.dirname(keymap), searchDirectories: [module, headers] });
    const source = shape.files['config/x.keymap']!;
    const place = { directory: HOME, path: 'x.keymap' };
    const own = await preprocess({ name: keymap, text: source, isSystem: false, place }, files);
    const expected = readLines({ name: '', text: text ?? '', isSystem: false }).flat();
    const cells = cellsOf(expected);
    t.deepEqual(cellsOf(own.tokens), cells, about);
    t.deepEqual(
      cells.map(([name]) => name),
      Object.keys(shape.layers),
    );
  }
});

async function writeHeader(directory: string, name: string): Promise<void> {
  await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
  await writeFile(path.join(directory, name), builtInHeader(name)!);
}

/** The name of each layer, and its cells with all macros expanded. */
function cellsOf(tokens: readonly Token[]): [string, string[]][] {
  const { root } = parseDevicetree(tokens);
  const keymap = [...nodesOf(root)].find(found => stringsOf(found, 'compatible').includes('zmk,keymap'));
  return [...(keymap?.children.values() ?? [])].filter(isEnabled).map(layer => {
    const values = layer.properties.get('bindings')?.values ?? [];
    const cells = values.flatMap(value => (value.kind === 'cells' ? value.cells : []));
    return [
      layer.name,
      cells.map(({ first, last }) => textOf(tokens.slice(first, last + 1)).replace(/\s/g, '')),
    ];
  });
}
