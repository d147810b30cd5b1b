// Keymaps in the shapes of real ones: spread over files, made by macros, put together piece by piece.

export interface Shape {
  /** The keymap is `config/x.keymap`; `module` is a directory in the search path. */
  files: Record<string, string>;
  /** Each layer: its name, and its keys as they are written, one line per row. */
  layers: Record<string, string>;
}

const HEADERS = '#include <behaviors.dtsi>\n#include <dt-bindings/zmk/keys.h>\n';
const node = (layers: string) => `/ { keymap { compatible = "zmk,keymap"; ${layers} }; };\n`;

export const SHAPES: Record<string, Shape> = {
  'rows in a file beside the keymap': {
    files: {
      'config/x.keymap': `${HEADERS}#include "rows.h"\n${node('base { bindings = <\nTOP\nBOTTOM\n>; };')}`,
      'config/rows.h': '#define TOP &kp Q &kp W\n#define BOTTOM &kp A &kp S &kp D\n',
    },
    layers: { base: '&kp Q &kp W\n&kp A &kp S &kp D' },
  },
  'one keymap for several keyboards, with placeholders for the additional keys': {
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
  'keys added by a variable argument': {
    files: {
      'config/x.keymap': `${HEADERS}#define ROW(first, ...) &kp first __VA_OPT__(KEYS(__VA_ARGS__))
#define KEYS(a, ...) &kp a, ## __VA_ARGS__
#define LAST(name, ...) name { bindings = <__VA_ARGS__>; };
${node('LAST(base, ROW(A) ROW(B, C))')}`,
    },
    layers: { base: '&kp A &kp B &kp C' },
  },
  'branches on names of a settings file': {
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
  "branches in a module's file on names of the config's": {
    files: {
      'config/x.keymap': `#include "settings.h"\n${HEADERS}#include <thumbs.h>
${node('base { bindings = <&kp A THUMBS>; }; nav { bindings = <&kp B &lt LAYER SPACE>; };')}`,
      'config/settings.h': '#define WIDE\n',
      'module/thumbs.h': `#ifdef WIDE
#define THUMBS &kp SPACE &kp ENTER
#define LAYER 1
#else
#define THUMBS &kp SPACE
#define LAYER 2
#endif
`,
    },
    layers: { base: '&kp A &kp SPACE &kp ENTER', nav: '&kp B &lt LAYER SPACE' },
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
  'layers that are removed': {
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
