import test from 'ava';
import {
  type Layer,
  parseKeymap,
  physicalLayoutFor,
  readPhysicalLayouts,
  shapesOf,
} from '../../src/keymap/index.ts';

const OPTIONS = { file: '/nowhere/corne.overlay', searchDirectories: [] };

const SOURCE = `
#define U 100
/ {
  chosen { zmk,physical-layout = &five; };
  key_physical_attrs: key_physical_attrs { compatible = "zmk,key-physical-attrs"; #key-cells = <7>; };
  six: layout_0 {
    compatible = "zmk,physical-layout";
    display-name = "Two keys";
    keys = <&key_physical_attrs U U 0 37 0 0 0>, <&key_physical_attrs 150 U (U + 50) 0 (-1500) 200 300>;
  };
  five: layout_1 { compatible = "zmk,physical-layout"; keys = <&key_physical_attrs 100 100 0 0 0 0 0>; };
  other { compatible = "zmk,physical-layout"; keys = <&key_physical_attrs 100 100 500 0 0 0 0>; };
  off { compatible = "zmk,physical-layout"; status = "disabled"; keys = <&key_physical_attrs 1 1 0 0 0 0 0>; };
};
`;

test('physical layouts are read with sizes, places and rotations, in widths of a key', async t => {
  const layouts = await readPhysicalLayouts(SOURCE, OPTIONS);
  t.deepEqual(
    layouts.map(({ name, isChosen, keys }) => [name, isChosen, keys.length]),
    [
      ['Two keys', false, 2],
      ['layout_1', true, 1],
      ['other', false, 1],
    ],
  );
  t.deepEqual(layouts[0]!.keys, [
    { width: 1, height: 1, x: 0, y: 0.37, rotation: 0, originX: 0, originY: 0 },
    { width: 1.5, height: 1, x: 1.5, y: 0, rotation: -15, originX: 2, originY: 3 },
  ]);
  t.is(physicalLayoutFor(layouts, 1)?.name, 'layout_1', 'the chosen one');
  t.is(physicalLayoutFor(layouts, 2)?.name, 'Two keys');
  t.is(physicalLayoutFor(layouts, 3), undefined);
});

test('a layout with a key that cannot be read is not used, and no source makes reading fail', async t => {
  for (const keys of [
    '<&key_physical_attrs 100 100 0>',
    '<&key_physical_attrs 100 100 0 0 0 0 WIDTH>',
    '<&key_physical_attrs 0 100 0 0 0 0 0>',
    '<&key_physical_attrs 100 100 999999 0 0 0 0>',
    '"text"',
  ]) {
    const source = `/ { a { compatible = "zmk,physical-layout"; keys = ${keys}; }; };`;
    t.deepEqual(await readPhysicalLayouts(source, OPTIONS), [], keys);
  }
  t.deepEqual(await readPhysicalLayouts('#include <missing.dtsi>\n/ { {{ <', OPTIONS), []);
});

const layer = (keys: number): Layer => ({
  name: 'base',
  bindings: Array.from({ length: keys }, () => ({ behavior: 'kp', parameters: ['A'] })),
  sensorBindings: [],
  rows: [keys],
});

test('keys are drawn where the physical layout has them, and else in the grid of their rows', t => {
  const key = { width: 1, height: 1, rotation: 0, originX: 0, originY: 0 };
  const layout = {
    name: 'bowed',
    isChosen: true,
    // The second key is a quarter turn around the lower left corner of the first.
    keys: [
      { ...key, x: 2, y: 1 },
      { ...key, x: 2, y: 1, rotation: 90, originX: 2, originY: 2 },
    ],
  };
  const { keys, width, height } = shapesOf(layer(2), [layout]);
  t.deepEqual(keys[0], { x: 0, y: 0, width: 53, height: 53, rotation: 0, originX: -116, originY: -58 });
  t.like(keys[1], { x: 0, y: 0, rotation: 90, originX: 0, originY: 58 });
  t.deepEqual([width, height], [58, 111]);
  const grid = shapesOf(layer(3), [layout]);
  t.is(grid.keys.length, 3);
  t.is(new Set(grid.keys.map(({ y }) => y)).size, 1, 'one row');
  t.deepEqual(shapesOf(layer(0), []), { keys: [], width: 0, height: 0 });
});

test('combos, macros and conditional layers are read with the keymap', async t => {
  const { combos, macros, conditionalLayers, errors } = await parseKeymap(`
#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>
#define LOWER 1
/ {
  combos {
    compatible = "zmk,combos";
    escape { timeout-ms = <50>; key-positions = <0 1>; bindings = <&kp ESC>; layers = <0 LOWER>; };
    off { status = "disabled"; key-positions = <0>; bindings = <&kp A>; };
    everywhere { key-positions = <0 1>; bindings = <&kp TAB>; layers = <(-1)>; };
  };
  macros {
    greet: greeting { compatible = "zmk,behavior-macro"; #binding-cells = <0>; bindings = <&kp H>, <&kp I>; };
  };
  conditional_layers {
    compatible = "zmk,conditional-layers";
    tri { if-layers = <LOWER 2>; then-layer = <3>; };
  };
  keymap { compatible = "zmk,keymap"; base { bindings = <&kp A &greet>; }; };
};`);
  t.deepEqual(errors, []);
  t.deepEqual(combos, [
    {
      ...{ name: 'escape', keys: [0, 1], layers: [0, 1] },
      bindings: [{ behavior: 'kp', parameters: ['ESC'] }],
    },
    { name: 'everywhere', keys: [0, 1], bindings: [{ behavior: 'kp', parameters: ['TAB'] }] },
  ]);
  t.deepEqual(macros, [
    {
      name: 'greet',
      bindings: [
        { behavior: 'kp', parameters: ['H'] },
        { behavior: 'kp', parameters: ['I'] },
      ],
    },
  ]);
  t.deepEqual(conditionalLayers, [{ name: 'tri', ifLayers: [1, 2], thenLayer: 3 }]);
});
