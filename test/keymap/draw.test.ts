import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { drawLayout } from '../../src/keymap/drawing/draw.ts';
import { legendOf } from '../../src/keymap/drawing/legend.ts';
import type { Binding, Layer } from '../../src/keymap/layout.ts';
import { parseKeymap } from '../../src/keymap/read-keymap.ts';

async function drawing(name: string, width?: number): Promise<string> {
  const file = fileURLToPath(new URL(`./fixtures/${name}.keymap`, import.meta.url));
  return drawLayout(await parseKeymap(await readFile(file, 'utf8'), { file }), {
    ...(width !== undefined && { width }),
  });
}

function layerOf(keys: readonly string[], rows: number[]): Layer {
  return { name: 'base', bindings: keys.map(binding), sensorBindings: [], rows };
}

function binding(text: string): Binding {
  const [behavior = '', ...parameters] = text.slice(1).split(' ');
  return { behavior, parameters };
}

function draw(keys: readonly string[], rows: number[], width = 100): string {
  return drawLayout({ layers: [layerOf(keys, rows)], errors: [] }, { width });
}

const letters = (count: number) =>
  Array.from({ length: count }, (_, index) => `&kp ${'ABCDEFGH'[index % 8]}`);

test('a Corne is drawn in two halves with its thumb keys at the inner ends', async t => {
  const [, lower] = (await drawing('corne')).split('\n\n');
  t.is(
    lower,
    `1 Lower (lower_layer)
┌──────┬──────┬──────┬──────┬──────┬──────┐   ┌──────┬──────┬──────┬──────┬──────┬──────┐
│ td0  │  2   │  3   │  4   │  5   │  6   │   │  7   │  8   │  9   │  0   │ zed  │ Bksp │
├──────┼──────┼──────┼──────┼──────┼──────┤   ├──────┼──────┼──────┼──────┼──────┼──────┤
│  BT  │  BT  │  BT  │  ✕   │  ✕   │  ✕   │   │  ←   │  ↓   │  ↑   │  →   │  ▽   │  ▽   │
│clear │  0   │  1   │      │      │      │   │      │      │      │      │      │      │
├──────┼──────┼──────┼──────┼──────┼──────┤   ├──────┼──────┼──────┼──────┼──────┼──────┤
│C-S-A │ UNDO │C-S-A…│  ▽   │  ▽   │  ▽   │   │  ▽   │  ▽   │  ▽   │  ▽   │  ▽   │  ▽   │
└──────┴──────┴──────┼──────┼──────┼──────┤   ├──────┼──────┼──────┼──────┴──────┴──────┘
                     │  ▽   │  ▽   │  ▽   │   │  ▽   │  3   │Space │
                     │      │      │      │   │      │  mo  │Mouse │
                     └──────┴──────┴──────┘   └──────┴──────┴──────┘`,
  );
});

test('finger rows are at the outer edges, and sensors are below', async t => {
  const lines = (await drawing('sofle')).split('\n');
  t.is(lines[2], '│  `  │  1  │  2  │  3  │  4  │  5  │               │  6  │  7  │  8  │  9  │  0  │  ✕  │');
  t.true(lines.at(-3)?.startsWith('            │ '));
  t.is(lines.at(-1), 'sensors: inc_dec_kp C_VOL_UP C_VOL_DN, inc_dec_kp PG_UP PG_DN');
});

test('a keyboard with an odd row is drawn in one piece, short rows in the middle', async t => {
  const lines = (await drawing('planck')).split('\n');
  t.is(lines[1], `┌${'─────┬'.repeat(11)}─────┐`);
  t.is(lines[7], `└──┬${'──┴──┬'.repeat(11)}──┘`);
});

test('a 42-key Corne fits 100 columns, and 80 with narrower caps', async t => {
  const width = (text: string) => Math.max(...text.split('\n').map(line => [...line].length));
  t.true(width(await drawing('corne', 100)) <= 100);
  t.true(width(await drawing('corne', 80)) <= 80);
  t.true(width(await drawing('corne', 80)) > 60);
});

test('a whole layer in one line is broken to fit', t => {
  const lines = draw(letters(42), [42], 80).split('\n');
  t.true(lines.every(line => [...line].length <= 80));
  t.is(lines.join('').match(/[A-H]/g)?.length, 42);
});

test('every row of a keyboard is drawn, in the order of its keys', t => {
  const lines = draw(['&kp A', '&kp B', '&kp C', '&kp D'], [2, 2]).split('\n');
  t.deepEqual(lines, [
    '0 base',
    '┌───┐   ┌───┐',
    '│ A │   │ B │',
    '├───┤   ├───┤',
    '│ C │   │ D │',
    '└───┘   └───┘',
  ]);
});

test('a layer without keys is only its name', t => {
  t.is(draw([], []).trim(), '0 base');
});

test('text in a keymap cannot control the terminal', t => {
  const evil: Layer = { ...layerOf(['&kp A'], [1]), name: 'a\u001b[2Jb', displayName: 'c\u0007\u202ed\ne' };
  t.regex(drawLayout({ layers: [evil], errors: [] }), /^[^\p{C}]*(\n[^\p{C}]*)*$/u);
});

const layers = [
  layerOf([], []),
  { ...layerOf([], []), displayName: 'Nav' },
  { ...layerOf([], []), name: 'sym_layer' },
];
const legends: [key: string, tap: string, hold?: string][] = [
  ['&kp A', 'A'],
  ['&kp N1', '1'],
  ['&kp NUMBER_2', '2'],
  ['&kp KP_N3', 'KP 3'],
  ['&kp F12', 'F12'],
  ['&kp SEMI', ';'],
  ['&kp PIPE', '|'],
  ['&kp COLON', ':'],
  ['&kp LEFT', '←'],
  ['&kp BSPC', 'Bksp'],
  ['&kp LC(LS(A))', 'C-S-A'],
  ['&kp RA(N0)', 'A-0'],
  ['&kp MY_OWN', 'MY_OWN'],
  ['&kp (LSHFT)', 'Shift'],
  ['&kp constructor', 'constructor'],
  ['&trans', '▽'],
  ['&none', '✕'],
  ['&mt LSHIFT A', 'A', 'Shift'],
  ['&hml LGUI S', 'S', 'GUI'],
  ['&thumb NAV 0', 'thumb', 'NAV'],
  ['&left 0 LEFT', '←', 'left'],
  ['&magic 0 0', 'magic'],
  ['&lt 1 SPACE', 'Space', 'Nav'],
  ['&lt NAV SPACE', 'Space', 'NAV'],
  ['&mo 1', 'Nav', 'mo'],
  ['&to 2', 'sym', 'to'],
  ['&tog 7', '7', 'tog'],
  ['&sl RAISE', 'RAISE', 'sl'],
  ['&sk LSHFT', 'Shift', 'once'],
  ['&bt BT_SEL 3', 'BT', '3'],
  ['&bt BT_CLR', 'BT', 'clear'],
  ['&out OUT_TOG', 'toggle', 'out'],
  ['&caps_word', 'Caps word'],
  ['&my_macro', 'my_macro'],
];
for (const [key, tap, hold] of legends) {
  test(`the key ${key} has its legend`, t => {
    t.deepEqual(legendOf(binding(key), { layers, errors: [] }), { tap, ...(hold !== undefined && { hold }) });
  });
}

test('sensors that could not be read are named', async t => {
  const layer = 'base { bindings = <&kp A>; sensor-bindings = <KNOBS>; };';
  const layout = await parseKeymap(`/ { keymap { compatible = "zmk,keymap"; ${layer} }; };`);
  const message = "'KNOBS' is not defined, as far as Glovebox knows without a west workspace";
  t.is(drawLayout(layout).split('\n').at(-1), `sensors: not drawn: ${message}`);
  t.like(layout.layers[0], { sensorBindings: [], unreadableSensors: message });
});

test('where layers may be missing, the numbers of the others are not guessed', t => {
  const known = [
    layerOf(['&mo 1', '&lt 1 SPACE', '&to NAV'], [3]),
    { ...layerOf(['&trans'], [1]), name: 'nav' },
  ];
  const incomplete = drawLayout({ layers: known, errors: [], isIncomplete: true });
  const complete = drawLayout({ layers: known, errors: [] });
  const titles = (text: string) => text.split('\n').filter(line => /^[\w ]+$/.test(line));
  t.deepEqual(titles(complete), ['0 base', '1 nav']);
  t.deepEqual(titles(incomplete), ['base', 'nav']);
  t.is(complete.match(/nav/g)?.length, 3);
  t.is(incomplete.match(/nav/g)?.length, 1);
});

test('a long name takes two lines, and one that is too long is cut', t => {
  const text = draw(['&paste_line_again', '&unbreakable'], [2]);
  t.regex(text, / paste /);
  t.regex(text, /line_a…/);
  t.regex(text, /unbrea…/);
});
